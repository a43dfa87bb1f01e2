"""The edits that take a skip away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from plusone.fix.closed import Cancelled, Closed
from plusone.fix.edits.edit import Edit, Lines, module_at, replace_module
from plusone.fix.line import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSkip(Edit):
    """The channels that a concatenated skip brings to the module at `path` are set to zero."""

    first: int
    count: int
    axis: int
    source: str = ""
    imports: ClassVar = (("plusone.fix.closed", "Closed"),)

    def apply(self, model: nn.Module, lines: Lines) -> None:
        module = module_at(model, self.path)
        replace_module(model, self.path, Closed(module, self.first, self.count, axis=self.axis))

    def code(self, address: str) -> tuple[str, ...]:
        return (f"{address} = Closed({address}, {self.first}, {self.count}, axis={self.axis})",)

    def after(self, before: str) -> str:
        return f"Closed({before}, without the {self.count} channels of the skip)"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSkip(Edit):
    """What was kept at `source` is taken from what enters the module at `path`, a sum with it."""

    line: int
    source: str
    imports: ClassVar = (("plusone.fix.closed", "Cancelled"), ("plusone.fix.line", "Line"))

    def apply(self, model: nn.Module, lines: Lines) -> None:
        line = lines.setdefault(self.line, Line())
        replace_module(model, self.path, Cancelled(module_at(model, self.path), line))

    def code(self, address: str) -> tuple[str, ...]:
        return (f"{address} = Cancelled({address}, line_{self.line})",)

    def after(self, before: str) -> str:
        return f"Cancelled({before}, without the sum's term from {self.source})"
