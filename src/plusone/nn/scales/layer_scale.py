"""LayerScale: y = x + diag(gamma) f(x), one learned number a channel, small at the start.

Touvron et al. 2021 (arXiv 2103.17239, LayerScale: gamma starts at 0.1 up to depth 18,
1e-5 up to depth 24, 1e-6 beyond, depth being the number of layers). For a branch that ends in a
linear layer, gamma can be folded into its rows.

Test: the rule; |y - x| = gamma |f(x)|; equality with timm's LayerScale and with the folded layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.join import Join, checked_count


def layer_scale_start(depth: int) -> float:
    """CaiT's first value of gamma in a net of `depth` layers."""
    depth = checked_count(depth, "depth")
    if depth <= 18:
        return 0.1
    return 1e-5 if depth <= 24 else 1e-6


class LayerScale(Join):
    """y = x + gamma f(x) with `gamma` of shape [channels], in one pass over memory.

    `depth` sets the start by CaiT's rule, `start` by hand; one of them is needed. `axis` is the
    channels' axis, -1 for tokens and 1 for images.
    """

    def __init__(
        self,
        channels: int,
        *,
        depth: int | None = None,
        start: float | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__()
        if (depth is None) == (start is None):
            raise InputError(
                "LayerScale needs the net's depth (in layers) or a start for gamma, one of them."
            )
        self.start = float(start) if start is not None else layer_scale_start(depth or 0)
        self.axis = axis
        self.gamma = nn.Parameter(torch.full((channels,), self.start))

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        factor: Tensor = self.gamma
        if self.axis != -1:
            after = branch.dim() - 1 - self.axis % branch.dim()
            factor = factor.view(-1, *(1,) * after)
        if mask is not None:
            factor = factor * mask
        return torch.addcmul(skip, branch, factor)

    def extra_repr(self) -> str:
        return f"{self.gamma.numel()}, start={self.start:g}, axis={self.axis}"
