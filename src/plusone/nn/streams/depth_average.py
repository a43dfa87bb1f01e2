"""Depth-weighted averages: after each block, a learned combination of all representations so far.

DenseFormer (Pagliardini et al. 2024, arXiv 2402.02622, equation 3): with x_0 the first
representation, x_i = B_i(y_(i-1)) and y_0 = x_0,

    y_i = sum_(j <= i) a_ij x_j,    a_ii = 1 and all others 0 at initialisation,

so that the net starts as it was without. With a dilation k only every k-th representation counts,
back from x_i; with a period p only every p-th block is followed by an average.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from plusone.errors import InputError


class DepthWeightedAverage(nn.Module):
    """The weighted sum of `num_states` tensors of one shape, oldest first; starts as the last one.

    At the start it is the last state bit by bit. Cost: one multiplication a state and element; the
    states themselves are all that is stored.
    """

    def __init__(self, num_states: int) -> None:
        super().__init__()
        if num_states < 1:
            raise InputError(f"An average needs at least 1 state; got num_states={num_states}.")
        start = torch.zeros(num_states)
        start[-1] = 1
        self.weight = nn.Parameter(start)

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        if len(states) != len(self.weight):
            raise InputError(
                f"This average is over {len(self.weight)} states; got {len(states)} of them."
            )
        weights = self.weight.unbind()
        total = weights[-1] * states[-1]
        for weight, state in zip(weights[:-1], states[:-1], strict=True):
            total = torch.addcmul(total, weight, state)
        return total

    def extra_repr(self) -> str:
        return f"num_states={len(self.weight)}"


class DenseFormer(nn.Module):
    """Blocks in a row, whole ones with skips of their own, with averages after them.

    Blocks keep shapes; further arguments of `forward` go to each. Memory: every representation.
    Initialisers that run over all parameters must leave `averages` alone.
    """

    def __init__(self, blocks: Iterable[nn.Module], *, dilation: int = 1, period: int = 1) -> None:
        super().__init__()
        if dilation < 1 or period < 1:
            raise InputError(f"Got dilation={dilation}, period={period}; both are 1 or more.")
        self.blocks = nn.ModuleList(blocks)
        self.dilation = dilation
        self.period = period
        self.averages = nn.ModuleDict(
            {
                str(depth): DepthWeightedAverage(depth // dilation + 1)
                for depth in range(period, len(self.blocks) + 1, period)
            }
        )

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        states = [x]
        for depth, block in enumerate(self.blocks, 1):
            x = block(x, *args, **kwargs)
            states.append(x)
            if depth % self.period == 0:
                x = self.averages[str(depth)](states[depth % self.dilation :: self.dilation])
        return x

    def extra_repr(self) -> str:
        return f"dilation={self.dilation}, period={self.period}"
