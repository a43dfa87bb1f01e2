"""Initial residual and identity mapping of GCNII, against oversmoothing in deep graph nets.

Chen et al. 2020 (arXiv 2007.02133, equation 5), without its activation:

    H' = ((1 - alpha) P H + alpha H_0) ((1 - beta_l) I + beta_l W),  beta_l = ln(lambda / l + 1)

P propagates along edges (the branch), H_0 is the net's first representation, layers l count from 1.

Test: alpha = beta = 0 is propagation alone; over 64 layers differences between nodes stay, where
propagation alone levels them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from plusone.nn.join import checked_count, checked_number


class InitialResidual(nn.Module):
    """`forward(x, initial, ...)` with x and `initial` of shape [..., channels].

    Further arguments, such as edges, go to `propagate`. `strength` is the paper's lambda, 0.5 to
    1.5; W starts uniform within 1/sqrt(channels), as in the authors' code.
    """

    def __init__(
        self,
        propagate: nn.Module,
        channels: int,
        *,
        layer: int,
        alpha: float = 0.1,
        strength: float = 0.5,
    ) -> None:
        super().__init__()
        self.propagate = propagate
        self.alpha = checked_number(alpha, "alpha", 0, 1)
        strength = checked_number(strength, "strength", 0, math.inf)
        self.beta = math.log(strength / checked_count(layer, "layer") + 1)
        self.linear = nn.Linear(channels, channels, bias=False)
        nn.init.uniform_(self.linear.weight, -(channels**-0.5), channels**-0.5)

    def forward(self, x: Tensor, initial: Tensor, *args: object, **kwargs: object) -> Tensor:
        mixed = torch.lerp(self.propagate(x, *args, **kwargs), initial, self.alpha)
        return torch.lerp(mixed, self.linear(mixed), self.beta)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha:g}, beta={self.beta:.4g}"
