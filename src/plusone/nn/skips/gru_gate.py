"""GRU gate: the stream is a GRU's state and the branch its input.

Parisotto et al. 2019 (GTrXL, arXiv 1910.06764, equations 8 to 11), with skip x and branch h:

    r = sigmoid(W_r h + U_r x),  z = sigmoid(W_z h + U_z x - b),  c = tanh(W_c h + U_c (r x))
    y = (1 - z) x + z c

b = 2 at the start, so that z is about 0.12 and y near x, which their reinforcement learning needs.

Test: the formula; y lies between x and c; b to infinity gives x bit by bit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.nn.join import Join


class GRUGate(Join):
    """That gate over the last axis, of `channels`; W and U of standard deviation n^(-1/2)."""

    takes_mask = False

    def __init__(self, channels: int, *, bias: float = 2.0) -> None:
        super().__init__()
        self.of_branch = nn.Linear(channels, 3 * channels, bias=False)
        self.of_skip = nn.Linear(channels, 2 * channels, bias=False)
        self.of_reset = nn.Linear(channels, channels, bias=False)
        for layer in (self.of_branch, self.of_skip, self.of_reset):
            nn.init.normal_(layer.weight, std=channels**-0.5)
        self.bias = nn.Parameter(torch.full((channels,), float(bias)))

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        reset, update, candidate = self.of_branch(branch).chunk(3, -1)
        reset_skip, update_skip = self.of_skip(skip).chunk(2, -1)
        reset = torch.sigmoid(reset + reset_skip)
        update = torch.sigmoid(update + update_skip - self.bias)
        candidate = torch.tanh(candidate + self.of_reset(reset * skip))
        return torch.lerp(skip, candidate.to(skip.dtype), update.to(skip.dtype))
