"""y = x + c f(x), c a constant: fixed, or 1/sqrt(L) for L blocks.

With independent branches of unit second moment, L blocks of c = 1/sqrt(L) take the stream's second
moment from 1 to at most (1 + 1/L)^L < e for branches that follow the stream, and to exactly 2 for
branches behind a norm: bounded in depth. c = 1 gives 2^L and 1 + L. Szegedy et al. 2016 (arXiv
1602.07261, section 3.3: c between 0.1 and 0.3); 1/sqrt(L): Hayou et al. 2021
(Stable ResNet, arXiv 2010.12859).

Test: second moments over 200 blocks.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from plusone.nn.join import Join, checked_count


class ConstantScale(Join):
    """y = x + value f(x), in one pass over memory."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = float(value)

    @classmethod
    def of_depth(cls, num_blocks: int) -> ConstantScale:
        """The scale 1/sqrt(num_blocks)."""
        return cls(1 / math.sqrt(checked_count(num_blocks, "num_blocks")))

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return torch.add(skip, branch, alpha=self.value)
        return torch.addcmul(skip, branch, mask, value=self.value)

    def extra_repr(self) -> str:
        return f"value={self.value:.4g}"
