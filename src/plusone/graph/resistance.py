"""A graph of paths read without directions: resistance, fluctuations, loops and hops.

The same `PathGraph` whose directed paths `pathlaw` counts, each edge a conductor (or a spring). Its
Laplacian is L = D - A with A's entries the conductances, and L^+ is its pseudo-inverse:

| number             | formula                 | of a network         | of a chain or protein |
|--------------------|-------------------------|----------------------|-----------------------|
| resistance of i, j | L+_ii + L+_jj - 2 L+_ij | depth that is seen   | mean square distance  |
| fluctuation of i   | L+_ii                   | -                    | of a Gaussian network |
| cost of loops      | ln det(I + w B^T L^+ B) | redundancy of skips  | 2/3 of entropy over R |

B has a column e_i - e_j for each added bond of conductance w. Klein and Randić 1993,
10.1007/BF01164627 (resistance); Bahar, Atilgan and Erman 1997, 10.1016/S1359-0278(97)00024-2
(Gaussian network model); Chennubhotla and Bahar 2007, 10.1371/journal.pcbi.0030172 (that both are
the same). Dense: O(n^3) for n nodes, so for some thousands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import rustworkx
from numpy.typing import ArrayLike

from plusone.errors import InputError
from plusone.graph.path_graph import FloatArray, PathGraph

# Eigenvalues below this share of the largest are zero: one for each part of the graph.
_ZERO = 1e-11

Pair = tuple[int, int]


def chain_graph(num_nodes: int, skips: Sequence[Pair] = ()) -> PathGraph:
    """Nodes 0, 1, ... in a row, each joined to the next, and the skips (i, j) between others.

    A step along the chain has length 1 and a skip 0, as in a network whose chain is of branches.
    """
    ends = sorted((min(pair), max(pair)) for pair in skips)
    source = [*range(num_nodes - 1), *(i for i, _ in ends)]
    target = [*range(1, num_nodes), *(j for _, j in ends)]
    return PathGraph(
        num_nodes=num_nodes,
        source=np.asarray(source, dtype=np.int64),
        target=np.asarray(target, dtype=np.int64),
        length=np.asarray([1] * (num_nodes - 1) + [0] * len(ends), dtype=np.int64),
        inputs=(0,),
        outputs=(num_nodes - 1,),
    )


def laplacian(graph: PathGraph, conductance: ArrayLike = 1.0) -> FloatArray:
    """L = D - A, [nodes, nodes]; `conductance` is one number or one for each edge.

    Raises:
        InputError: a conductance is not a positive finite number.
    """
    weights = np.broadcast_to(np.asarray(conductance, dtype=np.float64), graph.source.shape)
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise InputError("a conductance is a positive finite number")
    found = np.zeros((graph.num_nodes, graph.num_nodes))
    for i, j, sign in (
        (graph.source, graph.source, 1.0),
        (graph.target, graph.target, 1.0),
        (graph.source, graph.target, -1.0),
        (graph.target, graph.source, -1.0),
    ):
        np.add.at(found, (i, j), sign * weights)
    return found


def pseudo_inverse(laplacian: FloatArray) -> FloatArray:
    """L^+ of a connected graph.

    Raises:
        InputError: the graph falls into parts, between which nothing flows.
    """
    values, vectors = np.linalg.eigh(laplacian)
    is_zero = values <= _ZERO * max(float(values[-1]), 0.0)
    if int(is_zero.sum()) != 1:
        raise InputError(
            f"the graph falls into {int(is_zero.sum())} parts, between which there is no "
            "resistance and no common motion: analyse each part on its own"
        )
    kept = vectors[:, ~is_zero]
    found: FloatArray = (kept / values[~is_zero]) @ kept.T
    return found


def resistance(inverse: FloatArray, pairs: Sequence[Pair]) -> FloatArray:
    """The effective resistance between the nodes of each pair, from L^+."""
    i, j = np.asarray(pairs, dtype=np.int64).reshape(-1, 2).T
    found: FloatArray = inverse[i, i] + inverse[j, j] - 2 * inverse[i, j]
    return found


def overlaps(inverse: FloatArray, pairs: Sequence[Pair]) -> FloatArray:
    """B^T L^+ B, [pairs, pairs]: resistances on the diagonal, on a bare chain the lengths of loops
    and how much of them two loops share (Harrison and Sternberg 1994, J. Mol. Biol. 244:448)."""
    b = np.zeros((len(inverse), len(pairs)))
    for column, (i, j) in enumerate(pairs):
        b[i, column], b[j, column] = 1.0, -1.0
    found: FloatArray = b.T @ inverse @ b
    return found


def loop_cost(inverse: FloatArray, pairs: Sequence[Pair], weight: float = math.inf) -> float:
    """ln det(I + w B^T L^+ B), or ln det(B^T L^+ B) of bonds that do not give way (w infinite).

    At most the sum over bonds alone (Hadamard): bonds share what they forbid.
    """
    shared = overlaps(inverse, pairs)
    if math.isfinite(weight):
        shared = np.eye(len(shared)) + weight * shared
    sign, value = np.linalg.slogdet(shared)
    return float(value) if sign > 0 else -math.inf


def hops(graph: PathGraph) -> FloatArray:
    """The fewest edges between every two nodes, [nodes, nodes]; infinite between two parts."""
    joined = rustworkx.PyGraph(multigraph=False)
    joined.add_nodes_from(range(graph.num_nodes))
    joined.add_edges_from_no_data(
        list(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    )
    return np.asarray(rustworkx.graph_distance_matrix(joined, null_value=math.inf))


def mean_path(graph: PathGraph) -> float:
    """The mean over all pairs of nodes of the fewest edges between them."""
    distances = hops(graph)
    return float(distances[np.triu_indices(len(distances), 1)].mean())
