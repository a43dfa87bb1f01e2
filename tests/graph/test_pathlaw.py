"""The path law against enumeration, against exact integers and against closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plusone.errors import InputError
from plusone.graph.exact_paths import exact_path_counts
from plusone.graph.pathlaw import PathGraph, log10_resolvent, path_law, path_moments
from plusone.records import PathLaw

from oracle.enumerate_paths import counts_by_length, exact_log10, shares_by_length

Edge = tuple[int, int, int, float]


def graph_of(
    num_nodes: int, edges: list[Edge], inputs: tuple[int, ...], outputs: tuple[int, ...]
) -> PathGraph:
    columns = list(zip(*edges, strict=True)) or [(), (), (), ()]
    return PathGraph(
        num_nodes=num_nodes,
        source=np.array(columns[0], dtype=np.int64),
        target=np.array(columns[1], dtype=np.int64),
        length=np.array(columns[2], dtype=np.int64),
        log_weight=np.array(columns[3], dtype=np.float64),
        inputs=inputs,
        outputs=outputs,
    )


def residual_chain(num_blocks: int, log_gain: float = 0.0) -> PathGraph:
    edges = [(i, i + 1, k, k * log_gain) for i in range(num_blocks) for k in (0, 1)]
    return graph_of(num_blocks + 1, edges, (0,), (num_blocks,))


@st.composite
def multi_dags(draw: st.DrawFn) -> PathGraph:
    num_nodes = draw(st.integers(1, 8))
    nodes = st.integers(0, num_nodes - 1)
    gains = st.one_of(st.just(-math.inf), st.floats(-30, 30), st.just(0.0))
    edge = st.tuples(nodes, nodes, st.integers(0, 4), gains).filter(lambda e: e[0] < e[1])
    edges = draw(st.lists(edge, max_size=16)) if num_nodes > 1 else []
    ends = st.lists(nodes, max_size=3, unique=True)
    return graph_of(num_nodes, edges, tuple(draw(ends)), tuple(draw(ends)))


@st.composite
def amplified_dags(draw: st.DrawFn) -> PathGraph:
    """Few lengths, astronomic counts: runs of doubled edges of length 0 before some edges."""
    num_nodes = draw(st.integers(3, 7))
    edges: list[tuple[int, int, int, int]] = []
    for v in range(1, num_nodes):
        for u in draw(st.lists(st.integers(0, v - 1), min_size=1, max_size=3)):
            powers = draw(st.sampled_from((0, 0, 1, 250, 1200)))
            edges.append((u, v, draw(st.integers(0, 3)), powers))
    first = {v: 1500 * v for v in range(num_nodes)}  # room for the runs before each node
    free = {v: first[v] - 1300 * (v > 0) for v in range(num_nodes)}
    placed: list[Edge] = []
    for u, v, length, powers in edges:
        at = first[u]
        for _ in range(powers if free[v] + powers < first[v] else 0):
            placed += [(at, free[v], 0, 0.0)] * 2
            at, free[v] = free[v], free[v] + 1
        placed.append((at, first[v], length, 0.0))
    return graph_of(1500 * num_nodes, placed, (0,), (first[num_nodes - 1],))


def assert_counts(law: PathLaw, counts: dict[int, int]) -> None:
    expected = np.array([exact_log10(count) for count in counts.values()])
    assert law.lengths == tuple(counts)
    np.testing.assert_allclose(law.log10_counts, expected, rtol=1e-15, atol=1e-12)
    total = sum(counts.values())
    assert law.log10_count == pytest.approx(exact_log10(total), rel=1e-15, abs=1e-12)
    mean = sum(length * count for length, count in counts.items())
    assert law.mean_length == pytest.approx(mean / total, rel=1e-12, abs=1e-12)
    assert (law.min_length, law.max_length) == (min(counts), max(counts))


@settings(deadline=None)
@given(multi_dags())
def test_exact_counts_are_those_of_enumeration(graph: PathGraph) -> None:
    assert exact_path_counts(graph) == counts_by_length(graph)


@settings(deadline=None)
@given(multi_dags())
def test_counts_in_log_space_are_those_of_enumeration(graph: PathGraph) -> None:
    counts = counts_by_length(graph)
    law = path_law(graph)
    if counts:
        assert_counts(law, counts)
    else:
        assert law == PathLaw(log10_count=-math.inf, min_length=0, max_length=0, mean_length=0.0)


@settings(deadline=None)
@given(multi_dags())
def test_shares_of_weight_are_those_of_enumeration(graph: PathGraph) -> None:
    law, shares = path_law(graph), shares_by_length(graph)
    if not shares:
        assert law.weights == ()
        assert law.effective_length is None
        return
    expected = [shares[length] for length in law.lengths]
    np.testing.assert_allclose(law.weights, expected, rtol=0, atol=1e-12)
    mean = math.fsum(length * share for length, share in shares.items())
    assert law.effective_length == pytest.approx(mean, abs=1e-11)


@settings(deadline=None)
@given(multi_dags(), st.booleans())
def test_moments_are_those_of_enumeration(graph: PathGraph, weighted: bool) -> None:
    counts = counts_by_length(graph)
    total = sum(counts.values())
    shares = {length: count / total for length, count in counts.items()}
    shares = shares_by_length(graph) if weighted else shares
    moments = path_moments(graph, weighted=weighted)
    mean = math.fsum(length * share for length, share in shares.items())
    variance = math.fsum((length - mean) ** 2 * share for length, share in shares.items())
    assert moments.mean_length == pytest.approx(mean, abs=1e-11)
    assert moments.variance == pytest.approx(variance, abs=1e-10)
    if not weighted and total:
        assert moments.log10_count == pytest.approx(exact_log10(total), abs=1e-12)


def doubled_run(at: int, num_doublings: int) -> list[Edge]:
    """Two edges of length 0 between each node and the next: 2**num_doublings paths."""
    return [(i, i + 1, 0, 0.0) for i in range(at, at + num_doublings)] * 2


def test_single_paths_beside_very_many_are_not_lost() -> None:
    """Two nodes join the same run and the same direct edge of length 7; their sums join again."""
    n = 2600
    first = [(0, 1, 0, 0.0), (0, 1, 1, 0.0)]
    joins = [(n + 1, n + 2, 0, 0.0), (0, n + 2, 7, 0.0), (n + 1, n + 3, 0, 0.0), (0, n + 3, 7, 0.0)]
    last = [(n + 2, n + 4, 0, 0.0), (n + 3, n + 4, 0, 0.0)]
    graph = graph_of(n + 5, [*first, *doubled_run(1, n), *joins, *last], (0,), (n + 4,))
    assert_counts(path_law(graph), {0: 2 ** (n + 1), 1: 2 ** (n + 1), 7: 2})


def test_a_cliff_between_neighbouring_lengths_may_be_shifted_twice() -> None:
    """1 + 2**2600 x, times x for each of two nodes that join."""
    n = 2600
    ends = [(0, n + 1, 0, 0.0), (n, n + 1, 1, 0.0)]
    shifts = [(n + 1, n + 2, 1, 0.0), (n + 1, n + 3, 1, 0.0)]
    last = [(n + 2, n + 4, 0, 0.0), (n + 3, n + 4, 0, 0.0)]
    graph = graph_of(n + 5, [*doubled_run(0, n), *ends, *shifts, *last], (0,), (n + 4,))
    assert_counts(path_law(graph), {1: 2, 2: 2 ** (n + 1)})


@settings(max_examples=25, deadline=None)
@given(amplified_dags())
def test_counts_beyond_the_range_of_floats_keep_every_length(graph: PathGraph) -> None:
    assert_counts(path_law(graph), exact_path_counts(graph))


@pytest.mark.parametrize("num_blocks", [1, 2, 50, 1100, 2500])
def test_a_residual_chain_has_the_binomial_law(num_blocks: int) -> None:
    counts = {k: math.comb(num_blocks, k) for k in range(num_blocks + 1)}
    graph = residual_chain(num_blocks)
    assert_counts(path_law(graph), counts)
    moments = path_moments(graph)
    assert moments.mean_length == pytest.approx(num_blocks / 2, rel=1e-13)
    assert moments.variance == pytest.approx(num_blocks / 4, rel=1e-12)


def test_exact_counts_of_a_residual_chain_are_binomial_coefficients() -> None:
    counts = exact_path_counts(residual_chain(700))
    assert counts == {k: math.comb(700, k) for k in range(701)}


@pytest.mark.parametrize("gain", [1e-12, 0.01, 0.5, 1.0, 3.0])
def test_gains_tilt_the_binomial_law(gain: float) -> None:
    n, share = 1500, gain / (1 + gain)
    law = path_law(residual_chain(n, math.log(gain)))
    assert law.effective_length == pytest.approx(n * share, rel=1e-11)
    for k in (0, 1, 15, n // 2, n):
        log_share = k * math.log(share) + (n - k) * math.log1p(-share)
        expected = math.exp(log_share + math.log(math.comb(n, k)))
        assert law.weights[k] == pytest.approx(expected, rel=1e-10, abs=1e-300)


def test_weights_of_every_size_give_shares_and_no_overflow() -> None:
    """A factor that all edges of a chain share leaves the shares as they are."""
    for offset in (-3000.0, -700.0, 0.0, 700.0, 3000.0):
        edges = [(i, i + 1, k, k * 0.5 + offset) for i in range(40) for k in (0, 1)]
        law = path_law(graph_of(41, edges, (0,), (40,)))
        share = math.exp(0.5) / (1 + math.exp(0.5))
        expected = [math.comb(40, k) * share**k * (1 - share) ** (40 - k) for k in range(41)]
        np.testing.assert_allclose(law.weights, expected, rtol=0, atol=1e-12)


def test_a_densely_connected_net_has_the_law_of_its_subsets() -> None:
    """Each layer reads all earlier ones: a path chooses the layers it visits, x (1 + x)**n."""
    n = 60
    edges = [(a, b, 1, 0.0) for b in range(n + 2) for a in range(b)]
    law = path_law(graph_of(n + 2, edges, (0,), (n + 1,)))
    assert_counts(law, {k + 1: math.comb(n, k) for k in range(n + 1)})


def test_skips_over_two_nodes_give_fibonacci_numbers() -> None:
    n = 1600
    edges = [(i, i + j, 0, 0.0) for i in range(n) for j in (1, 2) if i + j <= n]
    graph = graph_of(n + 1, edges, (0,), (n,))
    a, b = 1, 1
    for _ in range(n - 1):
        a, b = b, a + b
    assert exact_path_counts(graph) == {0: b}
    assert_counts(path_law(graph), {0: b})


def test_a_node_that_is_input_and_output_is_a_path_of_length_zero() -> None:
    law = path_law(graph_of(1, [], (0,), (0,)))
    assert (law.lengths, law.log10_counts, law.weights) == ((0,), (0.0,), (1.0,))


def test_lengths_that_no_path_has_are_left_out() -> None:
    law = path_law(graph_of(2, [(0, 1, 0, 0.0), (0, 1, 7, 0.0)], (0,), (1,)))
    assert law.lengths == (0, 7)


def test_without_weights_there_is_no_effective_length() -> None:
    graph = PathGraph(
        num_nodes=2,
        source=np.array([0]),
        target=np.array([1]),
        length=np.array([1]),
        inputs=(0,),
        outputs=(1,),
    )
    law = path_law(graph)
    assert law.effective_length is None
    assert law.weights == ()


VALID: dict[str, Any] = {
    "num_nodes": 3,
    "source": np.array([0, 1]),
    "target": np.array([1, 2]),
    "length": np.array([0, 1]),
    "log_weight": np.array([0.0, 0.0]),
    "inputs": (0,),
    "outputs": (2,),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": np.array([0, 2])}, "edge 1 leads from node 2 to 2, not to a higher"),
        ({"target": np.array([1, 3])}, "target names node 3, but there are 3 nodes"),
        ({"source": np.array([-1, 1])}, "source names node -1"),
        ({"inputs": (5,)}, "inputs names node 5"),
        ({"outputs": (2, 2)}, r"outputs \(2, 2\) names a node twice"),
        ({"length": np.array([0, -1])}, "has length -1, below 0"),
        ({"length": np.array([0.5, 1.0])}, "length holds float64, not integers"),
        ({"length": np.array([1])}, r"length has shape \(1,\), but source has 2 edges"),
        ({"log_weight": np.array([0.0, math.nan])}, "log weight of edge 1 is nan"),
        ({"log_weight": np.array([math.inf, 0.0])}, "log weight of edge 0 is inf"),
        ({"log_weight": np.array([-1e300, 0.0])}, "log weight of edge 0 is -1e"),
    ],
)
def test_a_graph_that_makes_no_sense_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PathGraph(**(VALID | change))


@given(seed=st.integers(0, 10_000), z=st.sampled_from([0.3, 1.0, 2.5]))
@settings(max_examples=40, deadline=None)
def test_the_resolvent_is_that_of_the_matrix_of_edges(seed: int, z: float) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    pairs = [(i, j) for j in range(n) for i in range(j) for _ in range(int(rng.integers(0, 3)))]
    edges = [(i, j, int(rng.integers(0, 4)), 0.0) for i, j in pairs]
    matrix = np.zeros((n, n))
    for i, j, length, _ in edges:
        matrix[i, j] += z**length
    expected = np.linalg.inv(np.eye(n) - matrix)[0, n - 1]
    found = log10_resolvent(path_law(graph_of(n, edges, (0,), (n - 1,))), z)
    if expected == 0:
        assert found == -math.inf
    else:
        assert 10**found == pytest.approx(expected, rel=1e-9)


def test_the_resolvent_of_very_deep_nets_stays_finite() -> None:
    deep = log10_resolvent(path_law(residual_chain(2000)), 0.5)
    assert deep == pytest.approx(2000 * math.log10(1.5), rel=1e-12)
