"""Multiway dynamic dense connections: each input of a block is its own sum over all depths.

MUDDFormer (Xiao et al. 2025, arXiv 2502.12170). With the representations x_0, ..., x_i so far, the
inputs of the next block are, for each of its ways c (query, key, value, residual),

    x^c = sum_(j <= i) a^c_j x_j,    a = W2 gelu(W1 rms_norm(x_i)) + b

at each position. At initialisation W2 = 0 and b picks x_i in every way, so that the net is the net
without, bit by bit. W1 has as many rows as there are weights; its start, of deviation 1/sqrt(C), is
ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.streams.hyper_connection import inverse_rms


class DynamicDense(nn.Module):
    """`forward(states)` of `num_states` tensors [..., channels], oldest first: one sum a way.

    Cost: (channels + num_states num_ways) num_states num_ways multiplications a position for the
    weights, and one a state, way and element for the sums.
    """

    def __init__(self, channels: int, num_states: int, num_ways: int = 4) -> None:
        super().__init__()
        if num_states < 1 or num_ways < 1:
            raise InputError(
                f"Dense connections need a state and a way or more; got num_states={num_states}, "
                f"num_ways={num_ways}."
            )
        size = num_states * num_ways
        self.num_states, self.num_ways = num_states, num_ways
        self.inner = nn.Linear(channels, size, bias=False)
        self.outer = nn.Linear(size, size, bias=False)
        nn.init.normal_(self.inner.weight, std=channels**-0.5)
        nn.init.zeros_(self.outer.weight)
        start = torch.zeros(num_ways, num_states)
        start[:, -1] = 1
        self.bias = nn.Parameter(start)

    def weights(self, last: Tensor) -> Tensor:
        """a of the newest state [..., channels]: [..., num_ways, num_states]."""
        hidden = nn.functional.gelu(self.inner(last) * inverse_rms(last))
        dynamic: Tensor = self.outer(hidden)
        shaped = dynamic.reshape(*last.shape[:-1], self.num_ways, self.num_states)
        return shaped + self.bias

    def forward(self, states: Sequence[Tensor]) -> tuple[Tensor, ...]:
        if len(states) != self.num_states:
            raise InputError(
                f"These connections are over {self.num_states} states; got {len(states)} of them."
            )
        weights = self.weights(states[-1])
        return tuple(_weighted(weights[..., way, :], states) for way in range(self.num_ways))

    def extra_repr(self) -> str:
        return f"num_states={self.num_states}, num_ways={self.num_ways}"


def _weighted(weights: Tensor, states: Sequence[Tensor]) -> Tensor:
    each = weights.unsqueeze(-2).unbind(-1)
    total = each[-1] * states[-1]
    for weight, state in zip(each[:-1], states[:-1], strict=True):
        total = torch.addcmul(total, weight, state)
    return total


class MUDDFormer(nn.Module):
    """Blocks in a row, called as block(x^1, ..., x^num_ways, ...), with such sums before each.

    The last of the ways is the residual one by convention, and the net's output is one sum more.
    Memory: every representation.
    """

    def __init__(self, blocks: Iterable[nn.Module], channels: int, *, num_ways: int = 4) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        depth = len(self.blocks)
        if not depth:
            raise InputError("MUDDFormer needs at least 1 block; got none.")
        self.num_ways = num_ways
        # The first block has one state and nothing to choose.
        self.reads = nn.ModuleList(
            DynamicDense(channels, count, num_ways if count <= depth else 1)
            for count in range(2, depth + 2)
        )

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        """The output [..., channels]; further arguments go to each block."""
        states = [x]
        ways: tuple[Tensor, ...] = (x,) * self.num_ways
        for block, read in zip(self.blocks, self.reads, strict=True):
            states.append(block(*ways, *args, **kwargs))
            ways = read(states)
        return ways[0]

    def extra_repr(self) -> str:
        return f"num_ways={self.num_ways}"
