"""Edits of the branches of skips that are there already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from plusone.fix.edits.edit import Edit, Lines, module_at, replace_module
from plusone.fix.gate import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleBranch(Edit):
    """alpha * module(x) for the module that ends a branch."""

    start: float
    learned: bool = True
    imports: ClassVar = (("plusone.fix.gate", "Gate"),)

    def apply(self, model: nn.Module, lines: Lines) -> None:
        module = module_at(model, self.path)
        replace_module(model, self.path, Gate(module, self.start, learned=self.learned))

    def code(self, address: str) -> tuple[str, ...]:
        return (f"{address} = {self.after(address)}",)

    def after(self, before: str) -> str:
        fixed = "" if self.learned else ", learned=False"
        return f"Gate({before}, {self.start!r}{fixed})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleWeights(Edit):
    """Weight and bias of a layer multiplied by `factor`."""

    factor: float
    imports: ClassVar = (("", "torch"),)
    replaces: ClassVar = False

    def apply(self, model: nn.Module, lines: Lines) -> None:
        with torch.no_grad():
            for parameter in module_at(model, self.path).parameters(recurse=False):
                parameter.mul_(self.factor)

    def code(self, address: str) -> tuple[str, ...]:
        return (
            "with torch.no_grad():",
            f"    for parameter in {address}.parameters(recurse=False):",
            f"        parameter.mul_({self.factor!r})",
        )

    def after(self, before: str) -> str:
        return f"{before}, weights times {self.factor:.4g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NormFirst(Edit):
    """A layer of nn.TransformerEncoder or Decoder that norms what enters a branch (pre-norm).

    With `final`, the stack at `path` gets the norm of so many channels behind its last layer that
    a pre-norm stream needs, if it has none.
    """

    final: int = 0
    imports: ClassVar = (("torch", "nn"),)
    replaces: ClassVar = False

    def apply(self, model: nn.Module, lines: Lines) -> None:
        module = module_at(model, self.path)
        if self.final:
            like = next(module.parameters())
            module.norm = nn.LayerNorm(self.final).to(device=like.device, dtype=like.dtype)
        else:
            module.norm_first = True  # type: ignore[assignment]

    def code(self, address: str) -> tuple[str, ...]:
        if self.final:
            return (f"{address}.norm = nn.LayerNorm({self.final})",)
        return (f"{address}.norm_first = True",)

    def after(self, before: str) -> str:
        return f"{before}, {f'norm=LayerNorm({self.final})' if self.final else 'norm_first=True'}"
