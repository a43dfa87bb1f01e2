"""Highway gate: y = T(x) f(x) + (1 - T(x)) x, T(x) = sigmoid(W x + b).

Srivastava, Greff and Schmidhuber 2015 (arXiv 1505.00387, equations 3 and 4). The bias starts
negative, between -1 and -4 in the paper, so that the gate is nearly closed and y near x.

Test: y lies between x and f(x); b to -infinity gives x bit by bit and the Jacobian I.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.nn.join import Join


class HighwayGate(Join):
    """lerp(x, f(x), sigmoid(W x + b)), W of [channels, channels] of standard deviation n^(-1/2).

    `axis` is that of the channels: -1 for tokens, 1 for images, where W is a 1x1 convolution.
    """

    takes_mask = False

    def __init__(self, channels: int, *, bias: float = -2.0, axis: int = -1) -> None:
        super().__init__()
        self.axis = axis
        self.gate = nn.Linear(channels, channels)
        nn.init.normal_(self.gate.weight, std=channels**-0.5)
        nn.init.constant_(self.gate.bias, bias)

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.axis == -1:
            opening = self.gate(skip)
        else:
            opening = self.gate(skip.movedim(self.axis, -1)).movedim(-1, self.axis)
        opening = torch.sigmoid(opening)
        return torch.lerp(skip, branch.to(skip.dtype), opening.to(skip.dtype))

    def extra_repr(self) -> str:
        return f"axis={self.axis}"
