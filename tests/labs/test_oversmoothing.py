from __future__ import annotations

import pytest
import torch
from torch import Tensor

from plusone.labs.base import Arm, RunConfig, run_lab
from plusone.labs.data import digit_blocks, karate
from plusone.labs.oversmoothing.alike import (
    degrees,
    mean_average_distance,
    neighbour_distance,
    relative_energy,
)
from plusone.labs.oversmoothing.lab import measure
from plusone.labs.oversmoothing.nets import KNOWN, DeepGraphNet, adjacency_of, propagated
from plusone.nn.models import GraphNet


def rows() -> Tensor:
    return torch.randn(34, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def propagation() -> Tensor:
    """P of the karate club, dense, by torch_geometric."""
    from torch_geometric.nn.conv.gcn_conv import gcn_norm
    from torch_geometric.utils import remove_self_loops, to_dense_adj

    edges, _ = remove_self_loops(karate().edges)
    edges, weights = gcn_norm(edges, num_nodes=34, dtype=torch.float64)
    return to_dense_adj(edges, edge_attr=weights)[0]


def test_the_energy_is_the_trace_with_torch_geometrics_propagation() -> None:
    x, p = rows(), propagation()
    expected = float(torch.trace(x.T @ (x - p @ x)) / x.square().sum())
    assert relative_energy(x, karate()) == pytest.approx(expected, abs=1e-7)  # float32 weights
    torch.testing.assert_close(degrees(karate()), 1 / p.diagonal())


def test_the_energy_of_the_limit_is_zero_and_that_of_an_edge_is_known() -> None:
    graph = karate()
    d = degrees(graph)
    limit = d.sqrt()[:, None] * torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    assert relative_energy(limit, graph) < 1e-28
    assert relative_energy(torch.zeros(34, 2), graph) == 0
    one = torch.zeros(34, 1)
    one[3] = 5.0
    assert relative_energy(one, graph) == pytest.approx(float(1 - 1 / d[3]), abs=1e-12)


def test_the_distance_is_the_mean_over_all_pairs() -> None:
    x = rows()
    x[4] = 0  # of no direction
    kept = torch.cat((x[:4], x[5:]))
    cosines = torch.nn.functional.cosine_similarity(kept[:, None], kept[None], dim=2)
    pairs = ~torch.eye(33, dtype=torch.bool)
    expected = float((1 - cosines)[pairs].mean())
    assert mean_average_distance(x) == pytest.approx(expected, abs=1e-12)


def test_the_distance_of_neighbours_is_the_mean_over_edges() -> None:
    from torch_geometric.utils import remove_self_loops

    x = rows()
    source, target = remove_self_loops(karate().edges)[0]
    cosines = torch.nn.functional.cosine_similarity(x[source], x[target])
    expected = float((1 - cosines).mean())
    assert neighbour_distance(x, karate()) == pytest.approx(expected, abs=1e-12)


def test_nearly_parallel_nodes_keep_their_digits() -> None:
    x = torch.ones(34, 3, dtype=torch.float64) + 1e-9 * rows()[:, :3]
    assert mean_average_distance(x) == pytest.approx(1e-18, rel=0.8)


def test_plain_and_residual_nets_are_those_of_plusone_with_an_encoder_and_a_head() -> None:
    graph = karate()
    adjacency = adjacency_of(graph, "plain")
    for ours, theirs in (("plain", "plain"), ("residual", "residual")):
        net = DeepGraphNet(ours, (34, 8, 2), 3).eval()
        other = GraphNet(34, 2, width=8, num_layers=5, method=theirs).eval()  # type: ignore[arg-type]
        with torch.no_grad():
            for layer, hidden in zip(net.layers, other.hidden, strict=True):
                hidden.branch.linear.weight.copy_(layer.branch.conv.lin.weight)
            h = torch.rand(34, 8)
            found = expected = h
            for layer, hidden in zip(net.layers, other.hidden, strict=True):
                found, expected = layer(found, adjacency), hidden(expected, adjacency)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("method", KNOWN)
def test_each_net_gives_a_score_for_each_node_and_class(method: str) -> None:
    graph = karate()
    net = DeepGraphNet(method, (34, 8, 2), 4)
    adjacency = adjacency_of(graph, method)
    assert net(graph.features, adjacency).shape == (34, 2)
    assert len(net.states(graph.features, adjacency)) == 5


def test_digits_are_joined_to_like_digits_more_often_than_not() -> None:
    graph = digit_blocks()
    source, target = graph.edges
    same = (graph.classes[source] == graph.classes[target])[source != target]
    assert float(same.float().mean()) == pytest.approx(2 / 3, abs=0.05)
    assert float(degrees(graph).mean()) == pytest.approx(10, abs=0.5)
    assert torch.equal(torch.bincount(graph.classes[graph.is_train]), torch.full((10,), 5))
    assert not bool((graph.is_train & graph.is_test).any())


def test_the_short_cut_through_a_symmetric_matrix_has_torchs_gradient() -> None:
    adjacency = adjacency_of(karate(), "plain")
    x = rows().float().requires_grad_()
    weights = torch.randn(34, 5)
    found, expected = (
        torch.autograd.grad((product * weights).sum(), x)[0]
        for product in (propagated(adjacency, x), adjacency.to_dense() @ x)
    )
    torch.testing.assert_close(found, expected)


def run(method: str, depth: int) -> dict[str, float]:
    options = {"graph": "digits", "steps": 25, "method": method, "depth": depth, "full": False}
    found = measure(Arm(name=method, options=options), 0)
    return {key: value for key, value in found.items() if isinstance(value, float)}


def test_depth_makes_nodes_alike_unless_the_first_ones_are_kept() -> None:
    shallow, plain = run("plain", 2), run("plain, orthogonal", 16)
    initial = run("initial residual", 16)
    assert plain["head energy"] < shallow["head energy"] / 3
    assert initial["head energy"] > 2 * plain["head energy"]
    assert plain["accuracy"] < shallow["accuracy"] - 0.1
    assert initial["accuracy"] > plain["accuracy"] + 0.1


@pytest.mark.slow
@pytest.mark.lab
@pytest.mark.timeout(300)
def test_the_quick_lab_finds_what_cures_over_smoothing(tmp_path) -> None:
    found = run_lab("oversmoothing", RunConfig(folder=tmp_path))
    mean = {outcome.prediction.key: outcome.mean for outcome in found.outcomes}
    assert mean["plain-falls"] < -0.2
    assert mean["gradient"] < 3
    assert mean["initial"] > -0.1
    assert mean["repaired"] > -0.2
