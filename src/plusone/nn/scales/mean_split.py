"""Mean and variation of a branch over positions, each with a gain of its own a channel.

Lu 2026 (arXiv 2605.06169), with mean the mean over positions (axis -2):

    y = x + beta (f - mean f) + alpha (mean f - mean x)

beta starts at 0.03 and alpha at 0, so that the positions' common part, which would grow with depth
until all positions are alike, is left as it is at first.

Test: equality with hyper-connections' MVSplitResidualUpdate; the mean over positions stays.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.nn.join import Join


class MeanSplit(Join):
    """That join for [..., positions, channels], with `alpha` and `beta` of shape [channels]."""

    def __init__(self, channels: int, *, alpha: float = 0.0, beta: float = 0.03) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((channels,), alpha))
        self.beta = nn.Parameter(torch.full((channels,), beta))

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        mean = branch.mean(-2, keepdim=True)
        common = self.alpha * (mean - skip.mean(-2, keepdim=True))
        update = torch.addcmul(common, self.beta, branch - mean)
        return skip + update if mask is None else torch.addcmul(skip, update, mask)

    def extra_repr(self) -> str:
        return f"{self.alpha.numel()}"
