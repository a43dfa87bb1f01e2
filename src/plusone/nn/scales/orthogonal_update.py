"""Orthogonal updates: only what a branch adds across the stream's own direction.

Oh et al. 2025 (arXiv 2505.11881): y = x + f(x) - (<x, f(x)> / (|x|^2 + eps)) x, products and norms
over the channels at each position. |y|^2 = |x|^2 + |f's orthogonal part|^2: a block can turn the
stream and lengthen it, and never shrinks it.

Test: orthogonality and Pythagoras; equality with hyper-connections' OrthogonalResidualUpdate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from plusone.nn.join import Join


class OrthogonalUpdate(Join):
    """x plus the branch's part that is orthogonal to x over `axis`, that of the channels."""

    def __init__(self, axis: int = -1, eps: float = 1e-6) -> None:
        super().__init__()
        self.axis = axis
        self.eps = eps

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        along = (skip * branch).sum(self.axis, keepdim=True)
        size = skip.square().sum(self.axis, keepdim=True) + self.eps
        across = torch.addcmul(branch, along / size, skip, value=-1)
        return skip + across if mask is None else torch.addcmul(skip, across, mask)

    def extra_repr(self) -> str:
        return f"axis={self.axis}"
