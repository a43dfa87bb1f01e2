"""The trunk: its last value depends on its first, and no way through the blocks is longer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plusone.capture.eager import record
from plusone.capture.trace import Trace
from plusone.graph.skipgraph import SkipGraph, find_skips

WIDTH = 8


class Residual(nn.Module):
    """One layer with a skip around it."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x).tanh()


def plain(depth: int) -> nn.Sequential:
    """Layers with ReLUs, without skips."""
    return nn.Sequential(*(m for _ in range(depth) for m in (nn.Linear(WIDTH, WIDTH), nn.ReLU())))


class TwoHeads(nn.Module):
    """A deep stack with a head, and a shallow head on the input, in either order."""

    def __init__(self, *, is_shallow_first: bool) -> None:
        super().__init__()
        self.is_shallow_first = is_shallow_first
        self.body, self.shallow, self.deep = plain(6), nn.Linear(WIDTH, 3), nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.is_shallow_first:
            return self.shallow(x), self.deep(self.body(x))
        return self.deep(self.body(x)), self.shallow(x)


class Siamese(nn.Module):
    """One encoder for two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = plain(3)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.cosine_similarity(self.encoder(a), self.encoder(b))


class Towers(nn.Module):
    """Two encoders of different depth, the shallow one first, and a sum of their results."""

    def __init__(self) -> None:
        super().__init__()
        self.shallow, self.deep = (nn.Sequential(*(Residual() for _ in range(n))) for n in (2, 5))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.shallow(a) * self.deep(b)


class Gated(nn.Module):
    """Residual blocks with gates that layers make of a condition, which is computed first."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.blocks = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(3))

    def forward(self, condition: Tensor, x: Tensor) -> Tensor:
        gates = [gate(condition) for gate in self.gates]
        for gate, block in zip(gates, self.blocks, strict=True):
            x = x + gate * block(x)
        return x


def graph_of(model: nn.Module, *inputs: Tensor) -> tuple[Trace, SkipGraph]:
    trace = record(model, inputs, {}).trace
    return trace, find_skips(trace)


def depends(trace: Trace, last: Any, first: Any) -> bool:
    """Whether one value depends on the other, by the slow and obvious way."""
    seen, todo = set(), [last[0]]
    while todo:
        number = todo.pop()
        if number not in seen:
            seen.add(number)
            todo.extend(parent for parent, _ in trace.ops[number].parents)
    return first[0] in seen


X = torch.randn(4, WIDTH)


@pytest.mark.parametrize("is_shallow_first", [True, False])
def test_of_two_heads_the_deep_one_ends_the_trunk(is_shallow_first: bool) -> None:
    _, graph = graph_of(TwoHeads(is_shallow_first=is_shallow_first), X)
    names = [graph.blocks[k].name for k in graph.trunk]
    assert names == [b.name for b in graph.blocks if b.name != "shallow"]
    assert graph.last == graph.blocks[graph.trunk[-1]].output


@pytest.mark.parametrize("is_shallow_first", [True, False])
def test_a_head_on_the_input_moves_the_gradients_start_behind_the_first_block(
    is_shallow_first: bool,
) -> None:
    trace, graph = graph_of(TwoHeads(is_shallow_first=is_shallow_first), X)
    assert graph.first == (trace.inputs[0], 0)
    assert graph.start == graph.blocks[graph.trunk[0]].output


def test_without_a_head_on_the_input_the_gradient_starts_there() -> None:
    _, graph = graph_of(nn.Sequential(*(Residual() for _ in range(3))), X)
    assert graph.start == graph.first == graph.blocks[0].entry
    assert graph.trunk == (0, 1, 2)


@pytest.mark.parametrize(
    ("model", "inputs"),
    [(Siamese(), (X, X)), (Towers(), (X, X)), (Gated(), (X, X))],
    ids=["siamese", "towers", "gated"],
)
def test_the_last_value_depends_on_the_first(model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    trace, graph = graph_of(model, *inputs)
    assert graph.first is not None
    assert depends(trace, graph.last, graph.first)


def test_of_two_towers_the_deep_one_is_the_trunk() -> None:
    _, graph = graph_of(Towers(), X, X)
    assert [graph.blocks[k].name for k in graph.trunk] == [f"deep.{k}" for k in range(5)]


def test_layers_that_make_gates_are_not_on_the_trunk() -> None:
    trace, graph = graph_of(Gated(), X, X)
    assert graph.first == (trace.inputs[1], 0)
    assert all(graph.blocks[k].kind == "residual" for k in graph.trunk)


def test_without_blocks_there_is_no_trunk() -> None:
    _, graph = graph_of(nn.Tanh(), X)
    assert (graph.first, graph.start, graph.last, graph.trunk) == (None, None, None, ())
