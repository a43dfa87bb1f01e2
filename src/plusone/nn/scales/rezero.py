"""ReZero: y = x + alpha f(x), alpha a learned number that starts at 0.

Bachlechner et al. 2020 (arXiv 2003.04887, equation 1). At initialisation the block is the identity
bit by bit, so a net of any depth has dynamical isometry; in the first step only alpha has a
gradient, <g, f(x)>, and the branch follows once alpha has moved.

Test: exact identity; the first gradient is alpha's alone, the second the branch's too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.nn.join import Join


class ReZero(Join):
    """y = x + alpha f(x) with a learned `alpha`, 0 at the start, in one pass over memory."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        factor = self.alpha if mask is None else self.alpha * mask
        return torch.addcmul(skip, branch, factor)
