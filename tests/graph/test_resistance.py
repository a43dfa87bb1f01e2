"""Resistances, loops and hops against closed forms, networkx and enumeration."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest

from plusone.errors import InputError
from plusone.graph.path_graph import PathGraph
from plusone.graph.pathlaw import path_law
from plusone.graph.resistance import (
    chain_graph,
    hops,
    laplacian,
    loop_cost,
    mean_path,
    overlaps,
    pseudo_inverse,
    resistance,
)


def inverse_of(graph: PathGraph, conductance: object = 1.0) -> np.ndarray:
    return pseudo_inverse(laplacian(graph, conductance))  # type: ignore[arg-type]


def random_graph(seed: int) -> tuple[PathGraph, np.ndarray]:
    draw = np.random.default_rng(seed)
    pairs = [(i, j) for i in range(9) for j in range(i + 2, 9) if draw.random() < 0.3]
    graph = chain_graph(9, pairs)
    return graph, draw.uniform(0.2, 3.0, len(graph.source))


@pytest.mark.parametrize("n", [2, 7, 58])
def test_a_bare_chain_fluctuates_by_its_closed_form(n: int) -> None:
    assert inverse_of(chain_graph(n)).diagonal().mean() == pytest.approx((n**2 - 1) / (6 * n))


def test_resistances_of_a_chain_are_its_lengths_and_parallel_ways_add_as_conductances() -> None:
    assert resistance(inverse_of(chain_graph(9)), [(0, 8), (2, 5)]) == pytest.approx([8, 3])
    ring = inverse_of(chain_graph(9, [(0, 8)]))
    assert resistance(ring, [(0, 8)])[0] == pytest.approx(8 / 9)
    beside = inverse_of(chain_graph(49, [(i, i + 1) for i in range(48)]))  # a skip at each layer
    assert resistance(beside, [(0, 48)])[0] == pytest.approx(24)


@pytest.mark.parametrize("seed", range(3))
def test_resistances_are_networkxs(seed: int) -> None:
    graph, conductance = random_graph(seed)
    other = nx.Graph()
    for i, j, c in zip(graph.source, graph.target, conductance, strict=True):
        other.add_edge(int(i), int(j), weight=float(c))
    found = resistance(inverse_of(graph, conductance), [(0, 8), (1, 4)])
    expected = [
        nx.resistance_distance(other, *p, weight="weight", invert_weight=False)
        for p in ((0, 8), (1, 4))
    ]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_hops_are_networkxs(seed: int) -> None:
    graph, _ = random_graph(seed)
    other = nx.Graph(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    assert mean_path(graph) == pytest.approx(nx.average_shortest_path_length(other))
    assert hops(graph)[0, 8] == nx.shortest_path_length(other, 0, 8)


def test_overlaps_of_loops_are_the_residues_that_they_share() -> None:
    """Ribonuclease A's bonds 26-84 and 58-110: loops of 58 and 52 that share 26; 2340."""
    pairs = [(26, 84), (58, 110)]
    inverse = inverse_of(chain_graph(124))
    assert overlaps(inverse, pairs) == pytest.approx(np.array([[58, 26], [26, 52]]))
    assert math.exp(loop_cost(inverse, pairs)) == pytest.approx(2340)


def test_added_springs_change_the_spanning_trees_by_the_loops_determinant() -> None:
    """The matrix determinant lemma: det of L + w B B^T over det of L, a row and column away."""
    pairs = [(1, 6), (3, 8)]
    bare, bonded = chain_graph(10), chain_graph(10, pairs)
    springs = np.array([1.0] * 9 + [2.5] * 2)
    before, after = (
        np.linalg.slogdet(m[1:, 1:])[1] for m in (laplacian(bare), laplacian(bonded, springs))
    )
    assert loop_cost(inverse_of(bare), pairs, 2.5) == pytest.approx(after - before)


def test_bonds_together_never_cost_more_than_one_by_one() -> None:
    draw = np.random.default_rng(0)
    inverse = inverse_of(chain_graph(40))
    for _ in range(20):
        ends = draw.choice(40, 6, replace=False).reshape(3, 2).tolist()
        alone = sum(loop_cost(inverse, [tuple(pair)]) for pair in ends)
        assert loop_cost(inverse, ends) <= alone + 1e-9


def test_the_same_graph_has_directed_paths() -> None:
    law = path_law(chain_graph(10, [(1, 6), (3, 8)]))
    assert dict(zip(law.lengths, law.log10_counts, strict=True)) == {4: 0.0, 9: 0.0} | {
        4: math.log10(2)
    }


def test_a_graph_in_parts_is_refused() -> None:
    parts = PathGraph(
        num_nodes=4,
        source=np.array([0, 2]),
        target=np.array([1, 3]),
        length=np.array([1, 1]),
        inputs=(0,),
        outputs=(3,),
    )
    with pytest.raises(InputError, match="falls into 2 parts"):
        inverse_of(parts)
    assert hops(parts)[0, 3] == math.inf


@pytest.mark.parametrize("conductance", [0.0, -1.0, math.inf, math.nan])
def test_a_conductance_is_positive(conductance: float) -> None:
    with pytest.raises(InputError, match="positive finite"):
        laplacian(chain_graph(3), conductance)
