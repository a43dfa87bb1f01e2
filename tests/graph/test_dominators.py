"""Dominators of DAGs against removal of every node."""

from __future__ import annotations

import pytest
import rustworkx as rx
from hypothesis import given, settings
from hypothesis import strategies as st

from plusone.errors import InputError
from plusone.graph.dominators import DominatorTree, immediate_dominators

from oracle.enumerate_paths import strict_dominators

Dag = tuple[list[list[int]], list[int]]


@st.composite
def dags(draw: st.DrawFn) -> Dag:
    """Parent lists, with repetitions and nodes that nothing reaches, and some roots."""
    num_nodes = draw(st.integers(1, 12))
    parents: list[list[int]] = [[]]
    for v in range(1, num_nodes):
        parents.append(draw(st.lists(st.integers(0, v - 1), max_size=3)))
    roots = draw(st.lists(st.integers(0, num_nodes - 1), max_size=3, unique=True))
    return parents, roots


@settings(deadline=None)
@given(dags())
def test_the_tree_agrees_with_the_removal_of_every_node(dag: Dag) -> None:
    parents, roots = dag
    tree = DominatorTree(immediate_dominators(len(parents), parents, roots))
    above = strict_dominators(parents, roots)
    for b in range(len(parents)):
        dominators = {a for a in range(len(parents)) if tree.dominates(a, b)}
        assert dominators == above.get(b, set()) | {b}


@settings(deadline=None)
@given(dags())
def test_the_immediate_dominator_is_the_one_below_all_others(dag: Dag) -> None:
    parents, roots = dag
    immediate = immediate_dominators(len(parents), parents, roots)
    above = strict_dominators(parents, roots)
    for v, found in enumerate(immediate):
        assert found == max(above.get(v, set()), default=-1)


@settings(deadline=None)
@given(dags())
def test_one_root_gives_the_tree_of_rustworkx(dag: Dag) -> None:
    parents, _ = dag
    graph = rx.PyDiGraph()
    graph.add_nodes_from(range(len(parents)))
    graph.add_edges_from_no_data([(p, v) for v, above in enumerate(parents) for p in above])
    expected = rx.immediate_dominators(graph, 0)
    ours = immediate_dominators(len(parents), parents, [0])
    assert {v: d for v, d in enumerate(ours) if d >= 0} == {
        v: d for v, d in expected.items() if v != 0
    }


def test_the_join_of_two_inputs_has_no_dominator() -> None:
    assert immediate_dominators(4, [[], [], [0, 1], [2]], [0, 1]) == [-1, -1, -1, 2]


def test_a_hundred_thousand_nodes_that_read_the_input_and_the_deepest_node_are_quick() -> None:
    chain: list[list[int]] = [[]] + [[v - 1] for v in range(1, 50_000)]
    readers = [[0, 49_999 - v % 100] for v in range(50_000)]
    parents = chain + readers
    tree = DominatorTree(immediate_dominators(len(parents), parents, [0]))
    assert set(tree.idom[50_000:]) == {0}
    assert tree.dominates(10, 49_999)
    assert not tree.dominates(10, 99_999)


def test_no_node_is_no_error() -> None:
    assert DominatorTree(immediate_dominators(0, [], [])).idom == ()


def test_a_parent_above_its_child_is_refused() -> None:
    with pytest.raises(InputError, match=r"node 0 has parent 1; a parent needs a lower number"):
        immediate_dominators(2, [[1], []], [0])


def test_a_root_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="root 2, but there are 2 nodes"):
        immediate_dominators(2, [[], [0]], [2])


def test_parent_lists_of_the_wrong_number_are_refused() -> None:
    with pytest.raises(InputError, match="1 parent lists for 2 nodes"):
        immediate_dominators(2, [[]], [0])
