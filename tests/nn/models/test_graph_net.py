"""Graph nets: the normalised adjacency, skips, what 64 layers leave of the nodes, bad input."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import plusone
from plusone.errors import InputError
from plusone.nn.models import GraphNet, normalized_adjacency

NUM_NODES = 30


def graph(sparse: bool = False) -> tuple[Tensor, Tensor]:
    """Features, and the adjacency of a ring with chords."""
    around = torch.arange(NUM_NODES)
    edges = torch.stack((around, (around + 1) % NUM_NODES))
    chords = torch.randint(NUM_NODES, (2, 30))
    both = torch.cat((edges, chords), 1)
    return torch.randn(NUM_NODES, 5), normalized_adjacency(both, NUM_NODES, sparse=sparse)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_the_adjacency_is_its_definition(pairs: list[tuple[int, int]]) -> None:
    edges = torch.tensor(pairs, dtype=torch.long).view(-1, 2).T
    joined = torch.eye(7)
    for one, other in pairs:
        joined[one, other] = joined[other, one] = 1
    degrees = joined.sum(1)
    expected = joined / (degrees[:, None] * degrees[None, :]).sqrt()
    torch.testing.assert_close(normalized_adjacency(edges, 7), expected)
    torch.testing.assert_close(normalized_adjacency(edges, 7, sparse=True).to_dense(), expected)


@pytest.mark.parametrize("method", ["plain", "residual", "initial"])
def test_sparse_and_dense_adjacency_give_the_same(method: str) -> None:
    x, adjacency = graph(sparse=True)
    model = GraphNet(5, 3, width=8, num_layers=4, method=method).eval()  # type: ignore[arg-type]
    torch.testing.assert_close(model(x, adjacency), model(x, adjacency.to_dense()))


@pytest.mark.parametrize(
    ("method", "expected"),
    [("plain", {}), ("residual", {"identity": 4}), ("initial", {"scaled": 12})],
)
def test_a_scan_finds_the_skips_of_the_definition(method: str, expected: dict[str, int]) -> None:
    """6 layers: 4 hidden ones, or 6 of GCNII with two each, to H_0 and around W."""
    model = GraphNet(5, 3, width=8, num_layers=6, method=method)  # type: ignore[arg-type]
    report = plusone.scan(model, graph(), quick=True)
    assert Counter(skip.kind for skip in report.data.structure.skips) == expected


def test_the_twin_has_the_same_parameters_and_differs_by_the_skip() -> None:
    def made(method: str) -> GraphNet:
        torch.manual_seed(3)
        return GraphNet(5, 3, width=8, num_layers=3, method=method).eval()  # type: ignore[arg-type]

    plain, residual = made("plain"), made("residual")
    for (name, one), (other_name, two) in zip(
        plain.state_dict().items(), residual.state_dict().items(), strict=True
    ):
        assert name == other_name
        assert torch.equal(one, two)
    x, adjacency = graph()
    first = torch.relu(plain.first(x, adjacency))
    hidden = torch.relu(adjacency @ plain.hidden[0].branch.linear(first))
    torch.testing.assert_close(plain(x, adjacency), plain.last(hidden, adjacency))
    torch.testing.assert_close(residual(x, adjacency), plain.last(first + hidden, adjacency))


def test_two_plain_layers_are_kipf_and_wellings() -> None:
    model = GraphNet(5, 3, width=8, num_layers=2, dropout=0.0)
    x, adjacency = graph()
    one, two = model.first.linear.weight.T, model.last.linear.weight.T
    expected = adjacency @ torch.relu(adjacency @ x @ one) @ two
    torch.testing.assert_close(model(x, adjacency), expected)
    assert sum(p.numel() for p in model.parameters()) == 5 * 8 + 8 + 8 * 3 + 3


def test_64_layers_leave_nodes_apart_with_the_initial_residual_and_parallel_without() -> None:
    x, adjacency = graph()

    def apart(method: str) -> float:
        model = GraphNet(5, 3, width=32, num_layers=64, method=method).double().eval()  # type: ignore[arg-type]
        found: list[Tensor] = []
        model.last.register_forward_pre_hook(lambda module, args: found.append(args[0].detach()))
        model(x.double(), adjacency.double())
        h = torch.nn.functional.normalize(found[0], dim=1)
        return 1 - float((h @ h.T).mean())

    assert apart("initial") > 1e-2
    assert apart("plain") < 1e-3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GraphNet(5, 3, method="gcn"), "method is 'gcn'; it must be one of plain, resid"),
        (lambda: GraphNet(5, 3, num_layers=1), "num_layers is 1; a graph net has 2 layers or more"),
        (lambda: GraphNet(6, 3)(*graph()), r"features \[nodes, 6\]; got shape \(30, 5\)"),
        (
            lambda: GraphNet(5, 3)(graph()[0], torch.eye(4)),
            r"30 nodes have an adjacency of shape \(30, 30\); got \(4, 4\)",
        ),
        (
            lambda: normalized_adjacency(torch.tensor([[0], [3]]), 3),
            "nodes from 0 to 2; got nodes from 0 to 3",
        ),
        (lambda: normalized_adjacency(torch.ones(3, 2), 3), r"edges \[2, num_edges\]; got shape"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()  # type: ignore[operator]
