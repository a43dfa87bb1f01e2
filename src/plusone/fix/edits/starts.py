"""Edits of a start: weights drawn anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from plusone.fix.edits.edit import Edit, Lines, module_at

How = Literal["he", "xavier", "orthogonal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawWeights(Edit):
    """Weights by He et al. 2015 (ReLU), Glorot and Bengio 2010, or orthogonal with gain 1."""

    how: How
    has_bias: bool = False
    imports: ClassVar = (("torch", "nn"),)
    replaces: ClassVar = False

    def apply(self, model: nn.Module, lines: Lines) -> None:
        module = module_at(model, self.path)
        weight = module.weight
        assert isinstance(weight, nn.Parameter)
        if self.how == "he":
            nn.init.kaiming_normal_(weight, nonlinearity="relu")
        elif self.how == "xavier":
            nn.init.xavier_normal_(weight)
        else:
            nn.init.orthogonal_(weight)
        if self.has_bias:
            assert isinstance(module.bias, nn.Parameter)
            nn.init.zeros_(module.bias)

    def code(self, address: str) -> tuple[str, ...]:
        draw = {
            "he": f'nn.init.kaiming_normal_({address}.weight, nonlinearity="relu")',
            "xavier": f"nn.init.xavier_normal_({address}.weight)",
            "orthogonal": f"nn.init.orthogonal_({address}.weight)",
        }[self.how]
        return (draw, f"nn.init.zeros_({address}.bias)") if self.has_bias else (draw,)

    def after(self, before: str) -> str:
        name = {"he": "He normal", "xavier": "Xavier normal", "orthogonal": "orthogonal"}[self.how]
        return f"{before}, weights drawn {name}{', bias zero' if self.has_bias else ''}"
