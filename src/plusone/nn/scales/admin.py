"""Admin: y = N(omega x + f(x)), omega a learned number a channel whose start is measured.

Liu et al. 2020 (arXiv 2004.08249, section 4.2): omega_i^2 = sum over j < i of Var[f_j], for skips
of variance 1. The variance of the first input is the sum's first term here, and the sum is divided
by that of block i's skip; so block i weighs its branch against the skip as pre-norm would at
initialisation, and one step's change of the output grows as log L, not as L.
`initialize_(model, method="admin", inputs=...)` measures the variances.

Test: the sum; one step's change grows far more slowly in depth than post-norm's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.nn.join import Join


class AdminScale(Join):
    """y = omega x + f(x), `omega` of shape [channels] on the last axis, 1 until it is measured."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.omega = nn.Parameter(torch.ones(channels))

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        return torch.addcmul(branch if mask is None else branch * mask, skip, self.omega)

    def extra_repr(self) -> str:
        return f"{self.omega.numel()}"
