"""The gradient's share of each path length in nested nets, against the gradient path by path."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import plusone
from plusone.graph.detours import edges_with_detours
from plusone.records import PathLaw
from probe.recorded import Function, linear, observed

from oracle.path_energies import Nested, Part, energies_by_length

WIDTH = 16
# The law multiplies gains as if each part saw a random gradient. For independent Gaussian factors
# that is right on average; at this width one draw moves a share by 0.03, by 0.07 at worst of 24.
ONE_DRAW = 0.12
MEAN_OF_FOUR = 0.04


def law_of(part: Part, seed: int, samples: int = 4) -> tuple[PathLaw, dict[int, float]]:
    torch.manual_seed(seed)
    net = Nested(part, WIDTH)
    for layer in net.layers:  # about as strong as the skips, so that all lengths count
        torch.nn.init.normal_(layer.weight, std=1.3 / layer.in_features**0.5)
    x = torch.randn(samples, WIDTH, dtype=torch.float64)
    report = plusone.scan(net, x, timed=False, samples=samples)
    return report.structure.paths, energies_by_length(net, x)


def differences(part: Part, seed: int) -> np.ndarray:
    law, exact = law_of(part, seed)
    assert law.lengths == tuple(exact)
    mean = sum(length * share for length, share in zip(law.lengths, law.weights, strict=True))
    assert law.effective_length == pytest.approx(mean)
    return np.array(law.weights) - np.array(list(exact.values()))


def u_net(depth: int) -> Part:
    return ("cat", ("layer", *([u_net(depth - 1)] if depth > 1 else []), "layer"))


def residuals(depth: int, behind: tuple[Part, ...]) -> Part:
    inner: tuple[Part, ...] = (residuals(depth - 1, behind),) * 2 if depth > 1 else ("layer",)
    return ("sum", (*inner, *behind))


NESTED: dict[str, Part] = {
    "u-net of 1": u_net(1),
    "u-net of 2": u_net(2),
    "u-net of 3": u_net(3),
    "residual blocks in one": residuals(2, ("layer",)),
    "residual blocks in one, with a relu behind": residuals(2, ("relu",)),
    "relus between": ("sum", (("sum", ("layer",)), "relu", ("sum", ("layer",)), "relu")),
    "a concatenation around residual blocks": ("cat", (("sum", ("layer",)), "relu", "layer")),
    "a residual block around a u-net": ("sum", ("layer", u_net(2))),
}


@pytest.mark.parametrize("name", NESTED)
def test_shares_in_nested_nets_are_those_of_single_paths(name: str) -> None:
    draws = [differences(NESTED[name], seed) for seed in range(4)]
    assert np.abs(draws).max() < ONE_DRAW
    assert np.abs(np.mean(draws, axis=0)).max() < MEAN_OF_FOUR


def joins(inside: st.SearchStrategy[Part]) -> st.SearchStrategy[Part]:
    """A sum ends its branch in a layer or relu: x + (x + f(x)) is one join of three arms."""
    ends = st.sampled_from(["layer", "relu"])
    parts = st.lists(inside, max_size=2)
    sums = st.tuples(parts, ends).map(lambda p: ("sum", ("layer", *p[0], p[1])))
    cats = parts.map(lambda p: ("cat", ("layer", *p)))
    return st.one_of(sums, cats)


parts: st.SearchStrategy[Part] = st.recursive(st.sampled_from(["layer"]), joins, max_leaves=3)


@given(joins(parts), st.integers(0, 2**20))
@settings(max_examples=12, deadline=None, derandomize=True)
def test_shares_in_any_nested_net_are_those_of_single_paths(part: Part, seed: int) -> None:
    assert np.abs(differences(part, seed)).max() < ONE_DRAW


def test_parallel_branches_share_the_gain_of_their_sum() -> None:
    f, g = linear(WIDTH), linear(WIDTH)
    x = torch.randn(4, WIDTH, dtype=torch.float64)
    model = Function(lambda x: x + torch.tanh(f(x)) + torch.tanh(g(x)), f, g)
    law = plusone.scan(model, x, timed=False, samples=4).structure.paths
    both = [1 - torch.tanh(layer(x)) ** 2 for layer in (f, g)]
    terms = [d[:, :, None] * layer.weight for d, layer in zip(both, (f, g), strict=True)]
    energy = float(sum(terms).detach().square().sum((1, 2)).mean()) / WIDTH
    assert law.effective_length == pytest.approx(energy / (1 + energy))


def test_only_edges_that_some_paths_avoid_need_a_gain() -> None:
    layers = [linear(6) for _ in range(6)]

    def forward(x: Tensor) -> Tensor:
        for layer in layers[:3]:
            x = torch.tanh(layer(x))
        for layer in layers[3:]:
            x = torch.relu(x + torch.tanh(layer(x)))
        return x

    with observed(Function(forward, *layers), torch.randn(3, 6, dtype=torch.float64)) as seen:
        graph = seen.graph
        roles = {graph.path_edges[k].role for k in edges_with_detours(graph)}
        assert roles == {"skip", "branch"}
        assert len(edges_with_detours(graph)) == 6


class Fickle(torch.nn.Module):
    """A residual block that runs other operations for few samples."""

    def __init__(self) -> None:
        super().__init__()
        self.f = linear(6)

    def forward(self, x: Tensor) -> Tensor:
        f = torch.tanh(self.f(x))
        return x + f if len(x) > 2 else torch.sub(x, -f)


def test_without_every_gain_the_weighted_length_is_not_measured() -> None:
    first, second, last = Fickle(), Fickle(), linear(6)

    def forward(x: Tensor) -> Tensor:
        x = second(first(x))
        return x + torch.tanh(last(x))

    x = torch.randn(6, 6, dtype=torch.float64)
    report = plusone.scan(Function(forward, first, second, last), x, timed=False)
    law = report.structure.paths
    assert (law.mean_length, law.effective_length, law.weights) == (1.5, None, ())
    gaps = {gap.what: gap.why for gap in report.not_measured}
    # Of the first block the branch is seen, and its skip is the identity.
    assert gaps["gradient-weighted path length"] == "the gain of parts.1 and parts.2 is not known"
