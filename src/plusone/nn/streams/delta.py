"""Deep delta learning: a residual block that overwrites one direction of its stream.

Zhang et al. 2026 (arXiv 2601.00417, section 4.1, one value a channel, "k-map"):

    x' = x + beta (v - k . x) k,
    k = f(x) / |f(x)|,    v = w . x,    beta = 2 sigmoid(u . norm(x) + b)

The skip is I - beta k k': the identity at beta = 0, a projection at 1, a reflection at 2, of
determinant 1 - beta. The gate's start is ours: u = 0 and b such that beta = `start`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.streams.hyper_connection import inverse_rms


class DeltaResidual(nn.Module):
    """The delta update of x [..., channels] along the branch's direction.

    `start` is beta at initialisation, between 0 and 2, both excluded. Where the branch is exactly
    zero there is no direction, and x stays.
    """

    def __init__(self, branch: nn.Module, channels: int, *, start: float = 0.1) -> None:
        super().__init__()
        if not 0 < start < 2:
            raise InputError(f"beta lies between 0 and 2; got start={start}.")
        self.branch = branch
        self.value = nn.Linear(channels, 1, bias=False)
        self.gate = nn.Linear(channels, 1)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, math.log(start / (2 - start)))

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        direction = torch.nn.functional.normalize(self.branch(x, *args, **kwargs), dim=-1)
        beta = 2 * self.gate(x * inverse_rms(x)).sigmoid()
        found = (direction * x).sum(-1, keepdim=True)
        return torch.addcmul(x, beta * (self.value(x) - found), direction)
