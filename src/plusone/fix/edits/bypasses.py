"""The edit that takes a skip away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from plusone.fix.closed import Closed
from plusone.fix.edits.edit import Edit, Lines, module_at, replace_module


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
