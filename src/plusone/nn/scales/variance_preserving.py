"""y = alpha x + beta f(x) with alpha^2 + beta^2 = 1.

Where branch and skip are uncorrelated and of equal second moment, so is their sum: the stream's
second moment stays 1 over any depth. At the l-th block of a stack, alpha^2 = (l - 1)/l and
beta^2 = 1/l make the stream the mean of all branches so far, each with weight 1/sqrt(l); alpha
and beta for all blocks alike let early ones fade as alpha^L.

Test: second moment 1 over 200 blocks with normed branches, for both choices.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from plusone.nn.join import Join, checked_count, checked_number


class VariancePreserving(Join):
    """y = sqrt(1 - beta^2) x + beta f(x), for 0 <= beta <= 1."""

    def __init__(self, beta: float) -> None:
        super().__init__()
        self.beta = checked_number(beta, "beta", 0, 1)
        self.alpha = math.sqrt(1 - self.beta**2)

    @classmethod
    def at_layer(cls, layer: int) -> VariancePreserving:
        """beta = 1/sqrt(layer), layers counted from 1; the first keeps nothing of its skip."""
        return cls(1 / math.sqrt(checked_count(layer, "layer")))

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        kept = skip * self.alpha
        if mask is None:
            return torch.add(kept, branch, alpha=self.beta)
        return torch.addcmul(kept, branch, mask, value=self.beta)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha:.4g}, beta={self.beta:.4g}"
