"""Edits that let a decoder attend to what its encoder gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from plusone.fix.edits.edit import Edit, Lines, module_at, replace_module
from plusone.fix.line import Line
from plusone.fix.memory import Recalling, Remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember(Edit):
    """The outputs of the encoder at `path` are kept."""

    line: int
    batch_first: bool = True
    imports: ClassVar = (("plusone.fix.line", "Line"), ("plusone.fix.memory", "Remembered"))

    def apply(self, model: nn.Module, lines: Lines) -> None:
        line = lines.setdefault(self.line, Line())
        module = Remembered(module_at(model, self.path), line, batch_first=self.batch_first)
        replace_module(model, self.path, module)

    def code(self, address: str) -> tuple[str, ...]:
        order = "" if self.batch_first else ", batch_first=False"
        return (f"{address} = Remembered({address}, line_{self.line}{order})",)

    def after(self, before: str) -> str:
        return f"Remembered({before})"

    @property
    def keeps_outputs(self) -> bool:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall(Edit):
    """The outputs of the decoder at `path` attend to what was kept; nothing changes at first."""

    line: int
    source: str
    num_inputs: int
    num_outputs: int
    batch_first: bool = True
    imports: ClassVar = (("plusone.fix.memory", "Recalling"),)

    def apply(self, model: nn.Module, lines: Lines) -> None:
        module = module_at(model, self.path)
        line = lines.setdefault(self.line, Line())
        recalling = Recalling(
            module, line, self.num_inputs, self.num_outputs, batch_first=self.batch_first
        )
        like = next(module.parameters())
        replace_module(model, self.path, recalling.to(device=like.device, dtype=like.dtype))

    def code(self, address: str) -> tuple[str, ...]:
        numbers = f"{self.num_inputs}, {self.num_outputs}, batch_first={self.batch_first}"
        return (f"{address} = Recalling({address}, line_{self.line}, {numbers})",)

    def after(self, before: str) -> str:
        return f"Recalling({before}, attends to {self.source})"

    @property
    def keeps_outputs(self) -> bool:
        return True
