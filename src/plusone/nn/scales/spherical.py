"""Steps on the unit sphere: y = N(x + a (N(f(x)) - x)), N the division by the norm.

nGPT (Loshchilov et al. 2024, arXiv 2410.01131, equations 10 and 11), a >= 0 a learned step a
channel. It starts at 0.05, kept as a parameter of size 1/sqrt(channels) and multiplied back, so
that its step under Adam is that of the weights. The stream is on the sphere: it cannot grow with
depth, and a block turns it by a small angle. Their weights are normed after each step too, which is
for the training loop and not for the block.

Test: |y| = 1 over 200 blocks; the formula in float64.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.nn.join import Join


class SphericalStep(Join):
    """That join over the last axis, of `channels`; x is normed first, so any x may enter."""

    def __init__(self, channels: int, *, start: float = 0.05) -> None:
        super().__init__()
        self.start = float(start)
        self.size = channels**-0.5
        self.step = nn.Parameter(torch.full((channels,), self.size))

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        x = nn.functional.normalize(skip, dim=-1)
        step = (self.step * (self.start / self.size)).abs()
        if mask is not None:
            step = step * mask
        y = torch.addcmul(x, step, nn.functional.normalize(branch, dim=-1) - x)
        return nn.functional.normalize(y, dim=-1)

    def extra_repr(self) -> str:
        return f"{self.step.numel()}, start={self.start:g}"
