from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plusone.theory import (
    Dag,
    chain_dag,
    dag,
    dag_log_moment,
    independent_paths_log_moment,
    predict,
)
from theory.random_nets import Estimate

EDGE = st.tuples(
    st.integers(0, 5), st.integers(1, 6), st.sampled_from([0.0, 1.0, -0.5, 2.0]), st.floats(0, 2)
)


def by_enumeration(graph: Dag) -> float:
    """E |g_in|^2 / |g_out|^2: amplitudes of paths with the same branches add, others' squares do.

    Two different products of independent random branches are uncorrelated.
    """
    amplitude: dict[tuple[int, ...], float] = defaultdict(float)

    def onwards(node: int, branches: tuple[int, ...], weight: float) -> None:
        if node == graph.num_nodes - 1:
            amplitude[branches] += weight
        for i in np.flatnonzero(graph.source == node).tolist():
            target = int(graph.target[i])
            if graph.skip[i]:
                onwards(target, branches, weight * float(graph.skip[i]))
            if graph.strength[i]:
                onwards(target, (*branches, i), weight)

    onwards(0, (), 1.0)
    return sum(
        weight**2 * math.prod(float(graph.strength[i]) for i in branches)
        for branches, weight in amplitude.items()
    )


def fibonacci(depth: int, strength: float) -> Dag:
    near = [(i - 1, i) for i in range(1, depth + 1)]
    return chain_dag(depth, near + [(i - 2, i) for i in range(2, depth + 1)], strength=strength)


@given(st.lists(EDGE, min_size=1, max_size=7))
def test_any_small_graph_is_the_sum_over_all_its_paths(
    edges: list[tuple[int, int, float, float]],
) -> None:
    forward = [edge for edge in edges if edge[0] < edge[1]] or [(0, 1, 1.0, 0.0)]
    source, target, skip, strength = zip(*forward, strict=True)
    graph = dag(7, source, target, skip=skip, strength=strength)
    expected = by_enumeration(graph)
    assert math.exp(dag_log_moment(graph)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_chain_is_the_closed_form() -> None:
    pattern = np.random.default_rng(0).random(300) < 0.4
    skips = [(i, i + 1) for i in np.flatnonzero(pattern).tolist()]
    gains = np.random.default_rng(1).random(300) + 0.1
    found = dag_log_moment(chain_dag(300, skips, strength=gains))
    closed = predict(pattern=pattern, scale=np.sqrt(gains)).log_second_moment
    assert found == pytest.approx(float(closed))
    assert independent_paths_log_moment(chain_dag(300, skips, strength=gains)) == pytest.approx(
        found
    )


@pytest.mark.parametrize("strength", [0.01, 9.0, 99.0])
def test_deep_graphs_neither_overflow_nor_underflow(strength: float) -> None:
    depth = 600
    whole = chain_dag(depth, [(i, i + 1) for i in range(depth)], strength=strength)
    assert dag_log_moment(whole) == pytest.approx(depth * math.log1p(strength))
    plain = chain_dag(depth, [], strength=strength)
    assert dag_log_moment(plain) == pytest.approx(depth * math.log(strength))
    bridged = chain_dag(depth, [(0, depth)], strength=strength)
    assert dag_log_moment(bridged) == pytest.approx(
        float(np.logaddexp(0.0, depth * math.log(strength)))
    )


def test_a_graph_without_a_way_through_carries_nothing() -> None:
    assert dag_log_moment(dag(4, [0, 2], [1, 3], skip=1.0, strength=1.0)) == -math.inf
    assert dag_log_moment(chain_dag(3, [], strength=0.0)) == -math.inf


def test_shared_branches_make_fibonacci_skips_explode_and_real_nets_agree() -> None:
    depth, width, num_nets = 12, 64, 150
    graph = fibonacci(depth, 0.1)
    ratios = []
    for seed in range(num_nets):
        rng = torch.Generator().manual_seed(seed)
        x = torch.randn(8, width, generator=rng).requires_grad_()
        nodes = [x]
        for i in range(1, depth + 1):
            w = (0.1 / width) ** 0.5 * torch.randn(width, width, generator=rng)
            near = nodes[-1] + nodes[-1] @ w.T
            nodes.append(near + nodes[i - 2] if i > 1 else near)
        v = torch.randn(8, width, generator=rng)
        (g,) = torch.autograd.grad(nodes[-1], x, v)
        ratios.append((g.square().sum(1) / v.square().sum(1)).double().mean())
    measured = Estimate.of(torch.stack(ratios))
    assert abs(measured.deviations(math.exp(dag_log_moment(graph)))) < 3
    small = fibonacci(7, 0.1)
    assert math.exp(dag_log_moment(small)) == pytest.approx(by_enumeration(small))
    assert math.exp(independent_paths_log_moment(graph)) < 0.01 * measured.mean
