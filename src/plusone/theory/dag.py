"""Any fixed graph of skips: the gradient's second moments with the overlaps of its paths.

Where two paths part and meet again having shared a branch, what they carry is the same and adds in
amplitude, so a sum over paths taken as independent is wrong by orders of magnitude. The Gram matrix
of the gradients at all nodes keeps these overlaps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plusone.errors import InputError
from plusone.theory.activations import FloatArray

BIG = 1e100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dag:
    """Nodes 0 (input) to num_nodes - 1 (output) in order of execution, and the edges between them.

    x_t = sum over edges (s, t) of skip * x_s + F(x_s). Each edge's branch F is drawn independently,
    with second-moment factor `strength` = alpha^2 * gain, 0 for none; `skip` is a number, 0 for
    none. A branch whose result several nodes read has a node of its own, with skips from there.
    """

    num_nodes: int
    source: NDArray[np.intp]
    target: NDArray[np.intp]
    skip: FloatArray
    strength: FloatArray


def dag(
    num_nodes: int,
    source: Sequence[int],
    target: Sequence[int],
    *,
    skip: ArrayLike,
    strength: ArrayLike,
) -> Dag:
    """The checked graph; `skip` and `strength` are one number or one per edge.

    Raises:
        InputError: an edge does not lead forwards between nodes, or a number does not fit.
    """
    sources, targets = np.array(source, dtype=np.intp), np.array(target, dtype=np.intp)
    if sources.shape != targets.shape or sources.ndim != 1:
        raise InputError(f"{sources.size} sources and {targets.size} targets make no edges.")
    if ((sources < 0) | (targets >= num_nodes) | (sources >= targets)).any():
        raise InputError(f"An edge leads from a node to a later one of {num_nodes}.")
    try:
        skips = np.broadcast_to(np.asarray(skip, dtype=np.float64), sources.shape)
        strengths = np.broadcast_to(np.asarray(strength, dtype=np.float64), sources.shape)
    except ValueError:
        count = len(sources)
        raise InputError(f"skip and strength are one number or one for {count} edges.") from None
    if not (np.isfinite(skips).all() and np.isfinite(strengths).all() and (strengths >= 0).all()):
        raise InputError("skip and strength are finite, and a strength is 0 or more.")
    return Dag(num_nodes=num_nodes, source=sources, target=targets, skip=skips, strength=strengths)


def chain_dag(depth: int, skips: Iterable[tuple[int, int]], *, strength: ArrayLike = 1.0) -> Dag:
    """A chain of `depth` branches, x_l = F_l(x_{l-1}) + the sum of x_i over skips (i, l).

    `strength` is one number or one per branch.
    """
    pairs = list(skips)
    chain = np.arange(depth)
    strengths = np.concatenate([np.zeros(depth) + np.asarray(strength), np.zeros(len(pairs))])
    return dag(
        depth + 1,
        [*chain.tolist(), *(i for i, _ in pairs)],
        [*(chain + 1).tolist(), *(j for _, j in pairs)],
        skip=np.concatenate([np.zeros(depth), np.ones(len(pairs))]),
        strength=strengths,
    )


def dag_log_moment(graph: Dag) -> float:
    """ln E |g_in|^2 / |g_out|^2, with the overlaps of paths that share branches.

    With G[u, v] = E <g_u, g_v>, backwards from G[out, out] = 1,

        G[u, v] = sum over edges (u, t) of skip * G[t, v]                       v later than u
        G[u, u] = sum over pairs of edges of skip * skip' * G[t, t'] + sum of strength * G[t, t]

    for a branch is zero in the mean and independent of all that comes later. Exact for linear
    branches of any width; for ReLU with He's factor at infinite width (the derivation is ours; for
    a chain it gives `chain`'s product). Cost: O(nodes * edges), memory O(nodes^2).
    """
    n = graph.num_nodes
    leaving = _leaving(graph)
    last_use = np.full(n, n)
    np.minimum.at(last_use, graph.target, graph.source)
    gram = np.zeros((n, n))
    gram[-1, -1] = 1.0
    log_scale = 0.0
    for u in range(n - 2, -1, -1):
        edges = leaving[u]
        targets, skip = graph.target[edges], graph.skip[edges]
        row = skip @ gram[targets] if len(edges) else np.zeros(n)
        own = float(skip @ row[targets]) if len(edges) else 0.0
        row[u] = own + float(graph.strength[edges] @ gram[targets, targets])
        gram[u], gram[:, u] = row, row
        live = np.flatnonzero(last_use[u:] < u) + u
        if u == 0:
            break
        if not len(live):
            return -math.inf
        top = float(gram[live, live].max())
        if top == 0:
            return -math.inf
        if not 1 / BIG < top < BIG:
            dead = np.setdiff1d(np.arange(u, n), live)
            gram[dead], gram[:, dead] = 0.0, 0.0
            gram /= top
            log_scale += math.log(top)
    value = float(gram[0, 0])
    return math.log(value) + log_scale if value > 0 else -math.inf


def independent_paths_log_moment(graph: Dag) -> float:
    """ln of the sum over paths of their squared weights, as if no two overlapped: a lower bound
    where skips are positive, and right where no two paths share a branch after parting."""
    log_at = np.full(graph.num_nodes, -np.inf)
    log_at[-1] = 0.0
    leaving = _leaving(graph)
    for u in range(graph.num_nodes - 2, -1, -1):
        edges = leaving[u]
        with np.errstate(divide="ignore"):
            weight = np.log(graph.skip[edges] ** 2 + graph.strength[edges])
        if len(edges):
            log_at[u] = np.logaddexp.reduce(weight + log_at[graph.target[edges]])
    return float(log_at[0])


def _leaving(graph: Dag) -> list[NDArray[np.intp]]:
    order = np.argsort(graph.source, kind="stable")
    bounds = np.searchsorted(graph.source[order], np.arange(graph.num_nodes + 1))
    return [order[bounds[u] : bounds[u + 1]] for u in range(graph.num_nodes)]
