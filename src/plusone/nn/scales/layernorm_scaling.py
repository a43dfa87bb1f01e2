"""LayerNorm scaling: the l-th block's norm is divided by sqrt(l), y = x + f(N(x) / sqrt(l)).

Sun et al. 2025 (arXiv 2502.05795, equation 9), against pre-norm streams whose second moment grows
with depth. For a branch that is homogeneous (linear, ReLU without biases) the l-th adds 1/l, so L
blocks give 1 + sum 1/l = 1 + ln L + 0.577 instead of pre-norm's 1 + L. The l-th block is then
nearer to the identity, not farther: its Jacobian is off by 1/sqrt(l (1 + ln l)) instead of
1/sqrt(l). The authors advise against a scaled initialisation beside it.

Test: equality with its formula; second moment 1 + sum 1/l over 200 blocks.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from plusone.nn.join import checked_count


class LayerNormScaling(nn.Module):
    """norm(x) / sqrt(layer), layers counted from 1; give it as the `norm` of a pre-norm block."""

    def __init__(self, norm: nn.Module, layer: int) -> None:
        super().__init__()
        self.norm = norm
        self.layer = checked_count(layer, "layer")
        self.factor = 1 / math.sqrt(self.layer)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(x)
        return normed * self.factor

    def extra_repr(self) -> str:
        return f"layer={self.layer}"
