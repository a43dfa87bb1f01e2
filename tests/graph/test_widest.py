"""Widest paths and smallest vertex cuts against every path and every set of nodes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from plusone.graph.vertex_cut import smallest_cut
from plusone.graph.widest import narrowest_on_path, widest_paths

from oracle.enumerate_node_paths import least_cut, node_paths, widest

Net = tuple[list[list[int]], list[float]]


@st.composite
def nets(draw: st.DrawFn, most: int = 9) -> Net:
    """A DAG whose node 0 is the source and whose last is the sink, with a width for each node."""
    size = draw(st.integers(2, most))
    parents: list[list[int]] = [[]]
    for v in range(1, size):
        parents.append(draw(st.lists(st.integers(0, v - 1), max_size=3)))
    width = draw(st.lists(st.integers(1, 9).map(float), min_size=size, max_size=size))
    return parents, width


@given(nets())
def test_the_widest_path_is_the_best_of_all_paths(net: Net) -> None:
    parents, width = net
    found = widest_paths(parents, width, {0: width[0]})
    for v in range(len(parents)):
        assert found[v] == widest(parents, width, 0, v)


@given(nets())
def test_the_narrowest_node_lies_on_a_widest_path(net: Net) -> None:
    parents, width = net
    sink, sources = len(parents) - 1, {0: width[0]}
    found = widest_paths(parents, width, sources)
    if found[sink] == 0.0:
        return
    narrow = narrowest_on_path(parents, found, sources, sink)
    assert width[narrow] == found[sink]
    paths = [p for p in node_paths(parents, 0, sink) if min(width[v] for v in p) == found[sink]]
    assert any(narrow in path for path in paths)


@given(nets(most=8))
@settings(deadline=None)
def test_the_cut_is_the_least_of_all_sets_of_nodes_that_cut(net: Net) -> None:
    parents, width = net
    sink = len(parents) - 1
    found = smallest_cut(parents, width, 0, sink)
    paths = list(node_paths(parents, 0, sink))
    assert (found is None) == (not paths)
    if found is None:
        return
    assert found.is_exact
    assert found.capacity == least_cut(parents, width, 0, sink)
    assert sum(width[v] for v in found.nodes) == found.capacity
    assert all(not set(path).isdisjoint(found.nodes) for path in paths)


@given(nets(most=8), st.integers(1, 12))
@settings(deadline=None)
def test_a_limit_is_told_from_a_cut_below_it(net: Net, limit: int) -> None:
    parents, width = net
    sink = len(parents) - 1
    found = smallest_cut(parents, width, 0, sink, limit=float(limit))
    if found is None:
        return
    least = least_cut(parents, width, 0, sink)
    assert found.is_exact == (least < limit)
    assert found.capacity == least if found.is_exact else limit <= found.capacity <= least
