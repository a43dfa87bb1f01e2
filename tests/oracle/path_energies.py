"""The slow twin of the path law's weights: nested nets, and the gradient of every single path.

A net is a tuple of parts: "layer" (linear and tanh), "relu", or ("sum", parts) and ("cat", parts)
with a skip around their parts; inside another net a concatenation is followed by a layer.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from oracle.dense_jacobian import dense_jacobian

Part = str | tuple[str, tuple["Part", ...]]  # type: ignore[misc]


class Nested(nn.Module):
    """The net; `choices` says of each join in order which arm alone passes gradient: 0 the skip."""

    def __init__(self, part: Part, width: int) -> None:
        super().__init__()
        self.part = part
        self.layers = nn.ModuleList()
        self.choices: tuple[int, ...] = ()
        self._make(part, width, is_outer=True)
        self.double()

    def _make(self, part: Part, width: int, is_outer: bool = False) -> None:
        if part == "layer":
            self.layers.append(nn.Linear(width, width))
        elif not isinstance(part, str):
            for inner in part[1]:
                self._make(inner, width)
            if part[0] == "cat" and not is_outer:
                self.layers.append(nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        return self._run(self.part, x, iter(self.layers), iter(self.choices), is_outer=True)

    def _run(
        self,
        part: Part,
        x: Tensor,
        layers: Iterator[nn.Module],
        choices: Iterator[int],
        is_outer: bool = False,
    ) -> Tensor:
        if part == "layer":
            return torch.tanh(next(layers)(x))
        if isinstance(part, str):
            return torch.relu(x)
        chosen = next(choices, None)
        skip = x.detach() if chosen == 1 else x
        y = x.detach() if chosen == 0 else x
        for inner in part[1]:
            y = self._run(inner, y, layers, choices)
        if part[0] == "sum":
            return skip + y
        y = torch.cat([skip, y], 1)
        return y if is_outer else torch.tanh(next(layers)(y))


def num_joins(part: Part) -> int:
    """Joins in a part, itself among them."""
    return 0 if isinstance(part, str) else 1 + sum(map(num_joins, part[1]))


def energies_by_length(net: Nested, x: Tensor) -> dict[int, float]:
    """The share of the gradient's second moment on paths of each length, path by path.

    The second moment of a path is |J|_F^2 / inputs of its own Jacobian, all other arms detached.
    """
    found: dict[int, float] = defaultdict(float)
    seen = set()
    for choices in itertools.product((0, 1), repeat=num_joins(net.part)):
        reached, length = _walk(net.part, choices, [0], is_outer=True)
        if reached in seen:
            continue
        seen.add(reached)
        net.choices = choices
        J = dense_jacobian(net, x)
        found[length] += float(J.square().sum((1, 2)).mean()) / J.shape[2]
    net.choices = ()
    total = sum(found.values())
    return {length: energy / total for length, energy in sorted(found.items())}


def _walk(
    part: Part, choices: tuple[int, ...], at: list[int], is_outer: bool = False
) -> tuple[tuple[tuple[int, int], ...], int]:
    """The choices that matter on this path, and its length in blocks."""
    if isinstance(part, str):
        return (), int(part == "layer")
    here = at[0]
    at[0] += 1
    passed = [_walk(inner, choices, at) for inner in part[1]]
    own = ((here, choices[here]),)
    fuse = int(part[0] == "cat" and not is_outer)
    if choices[here] == 0:
        return own, fuse
    is_simple = all(isinstance(inner, str) for inner in part[1])
    length = 1 if is_simple else sum(number for _, number in passed)
    return own + tuple(itertools.chain.from_iterable(c for c, _ in passed)), length + fuse
