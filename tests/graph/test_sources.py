"""Where paths begin in nets of several inputs: what carries a signal, not what multiplies it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from plusone.capture.eager import record
from plusone.graph.skipgraph import find_skips
from plusone.graph.structure import structure_of

WIDTH, LAYERS, NODES = 8, 4, 6
Step = Callable[[nn.Module, Tensor, Tensor], Tensor]


class Net(nn.Module):
    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))

    def forward(self, x: Tensor, side: Tensor) -> Tensor:
        for layer in self.layers:
            x = self.step(layer, x, side)
        return x


def paths_of(net: nn.Module, *inputs: Tensor) -> list[int]:
    """The number of paths by length."""
    trace = record(net, inputs, {}).trace
    law = structure_of(find_skips(trace), trace.num_parameters).paths
    counts = dict(zip(law.lengths, law.log10_counts, strict=True))
    return [round(10 ** float(counts[n])) if n in counts else 0 for n in range(LAYERS + 1)]


X, SQUARE, COLUMN = torch.randn(NODES, WIDTH), torch.rand(NODES, NODES), torch.rand(NODES, 1)


@pytest.mark.parametrize(
    ("step", "side"),
    [
        (lambda f, x, a: torch.relu(a @ f(x)), SQUARE),
        (lambda f, x, a: torch.relu(a / a.sum(1, keepdim=True) @ f(x)), SQUARE),
        (lambda f, x, m: torch.relu(f(x)) * m, COLUMN),
        (lambda f, x, m: torch.relu(f(x)) * (1 - m), COLUMN),
        (lambda f, x, m: f(torch.relu(x) * m), COLUMN),
    ],
    ids=["adjacency", "normed adjacency", "mask", "one less the mask", "mask in front"],
)
def test_no_path_begins_at_what_only_multiplies(step: Step, side: Tensor) -> None:
    assert paths_of(Net(step), X, side) == [0, 0, 0, 0, 1]


def test_around_each_layer_of_a_graph_net_a_path_forks_once() -> None:
    net = Net(lambda f, x, a: x + torch.relu(a @ f(x)))
    assert paths_of(net, X, SQUARE) == [1, 4, 6, 4, 1]


@pytest.mark.parametrize(
    "step",
    [
        lambda f, x, u: torch.relu(f(x)) + u,
        lambda f, x, u: torch.rsub(torch.relu(f(x)), u),
        lambda f, x, u: torch.addmm(u, f(x), torch.relu(x).T @ x),
        lambda f, x, u: torch.relu(f(x)) * f(u),
    ],
    ids=["added", "less the signal", "added to a product", "through a layer"],
)
def test_paths_begin_at_a_second_signal(step: Step) -> None:
    assert sum(paths_of(Net(step), X, torch.randn(NODES, WIDTH))) > 1


def test_of_two_inputs_that_are_but_multiplied_both_begin_paths() -> None:
    net = Net(lambda f, x, u: f(x))
    both = Both(net)
    assert sum(paths_of(both, X, torch.randn(NODES, WIDTH))) == 2


class Both(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        found: Tensor = self.net(x * u, u)
        return found
