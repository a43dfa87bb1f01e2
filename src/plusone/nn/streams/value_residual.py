"""Value residual: attention's values of the first layer, added to those of every later one.

ResFormer (Zhou et al. 2024, arXiv 2410.17897, equation 5): V_l <- c_1 V_l + c_2 V_1, both 1/2 at
initialisation and learned.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ValueResidual(nn.Module):
    """`forward(values, first)`: the values to use in a layer after the first, of their shape.

    With `start=(1, 0)` it starts as a layer without; weights are learned either way.
    """

    def __init__(self, start: tuple[float, float] = (0.5, 0.5)) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(start))

    def forward(self, values: Tensor, first: Tensor) -> Tensor:
        own, earlier = self.weight.unbind()
        return torch.addcmul(own * values, earlier, first)
