"""A directed acyclic graph with multi-edges whose paths are counted, and its working form.

Nodes are numbered in topological order. `PathGraph` is what callers build; `Arcs` is the same
graph with one entry and one exit, without the parts that lie on no path between them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from plusone.errors import InputError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

LARGEST_LOG_WEIGHT = 1e9  # far beyond any float's logarithm; sums of millions still fit 64 bits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathGraph:
    """A DAG whose edge `i` leads from `source[i]` to `target[i]`, which is the higher number.

    `length[i]` (at least 0) is what the edge adds to a path's length, say 1 if it takes a
    block's branch and 0 if it skips it. `log_weight[i]` is the natural logarithm of the edge's
    gain of the second moment (-inf: nothing passes), None where not measured. Paths lead from
    any of `inputs` to any of `outputs`; they may pass through further inputs and outputs, and a
    node that is both is itself a path of length 0. Parallel edges make different paths.
    """

    num_nodes: int
    source: IntArray
    target: IntArray
    length: IntArray
    log_weight: FloatArray | None = None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("source", "target", "length"):
            object.__setattr__(self, name, _integers(name, getattr(self, name)))
        if self.log_weight is not None:
            object.__setattr__(self, "log_weight", np.asarray(self.log_weight, dtype=np.float64))
        _check(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arcs:
    """The edges between one `entry` and one `exit`, sorted by target; nothing else is kept.

    `groups` lists (target, first arc, last arc + 1) in topological order, the exit last; it is
    empty if no path exists. The weight of arc `i` is `fraction[i] * 2**power[i]`. `num_uses[v]`
    counts the arcs that leave node v. `max_length` is the length of the longest path.
    """

    entry: int
    exit: int
    source: tuple[int, ...]
    length: tuple[int, ...]
    fraction: tuple[float, ...]
    power: tuple[int, ...]
    groups: tuple[tuple[int, int, int], ...]
    num_uses: tuple[int, ...]
    max_length: int


def arcs_of(graph: PathGraph, *, weighted: bool = False) -> Arcs:
    """The working form of the graph; all weights are 1 unless `weighted`. Cost: O(V + E)."""
    entry, exit_ = 0, graph.num_nodes + 1
    inputs, outputs = _integers("inputs", graph.inputs), _integers("outputs", graph.outputs)
    source = np.concatenate([graph.source + 1, np.full_like(inputs, entry), outputs + 1])
    target = np.concatenate([graph.target + 1, inputs + 1, np.full_like(outputs, exit_)])
    length = np.concatenate([graph.length, np.zeros_like(inputs), np.zeros_like(outputs)])
    log_weight = np.zeros(len(source))
    if weighted and graph.log_weight is not None:
        log_weight[: len(graph.log_weight)] = graph.log_weight
    order = np.argsort(target, kind="stable")
    order = order[log_weight[order] != -math.inf].astype(np.int64)
    on_path, max_length = _on_path(source[order], target[order], length[order], exit_)
    kept = order[on_path]
    power = np.rint(log_weight[kept] / math.log(2))
    fraction = np.exp(log_weight[kept] - power * math.log(2))
    return Arcs(
        entry=entry,
        exit=exit_,
        source=tuple(source[kept].tolist()),
        length=tuple(length[kept].tolist()),
        fraction=tuple(fraction.tolist()),
        power=tuple(power.astype(np.int64).tolist()),
        groups=_groups(target[kept]),
        num_uses=tuple(np.bincount(source[kept], minlength=exit_ + 1).tolist()),
        max_length=max_length,
    )


def _on_path(
    source: IntArray, target: IntArray, length: IntArray, exit_: int
) -> tuple[npt.NDArray[np.bool_], int]:
    """Which edges (sorted by target) lie on a path from node 0 to the exit; the longest path."""
    sources, targets = source.tolist(), target.tolist()
    longest = [-1] * (exit_ + 1)
    longest[0] = 0
    for s, t, step in zip(sources, targets, length.tolist(), strict=True):
        if longest[s] >= 0 and longest[s] + step > longest[t]:
            longest[t] = longest[s] + step
    leads_out = [False] * (exit_ + 1)
    leads_out[exit_] = True
    for s, t in zip(reversed(sources), reversed(targets), strict=True):
        if leads_out[t]:
            leads_out[s] = True
    is_reached = np.asarray(longest) >= 0
    return is_reached[source] & np.asarray(leads_out)[target], max(longest[exit_], 0)


def _groups(target: IntArray) -> tuple[tuple[int, int, int], ...]:
    first = np.flatnonzero(np.diff(target, prepend=-1))
    bounds = [*first.tolist(), len(target)]
    return tuple(zip(target[first].tolist(), bounds[:-1], bounds[1:], strict=True))


def _integers(name: str, values: object) -> IntArray:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise InputError(f"path graph: {name} holds {array.dtype}, not integers")
    return array.astype(np.int64)


def _check(graph: PathGraph) -> None:
    num_edges = len(graph.source)
    for name in ("source", "target", "length", "log_weight"):
        array = getattr(graph, name)
        if array is not None and array.shape != (num_edges,):
            raise InputError(
                f"path graph: {name} has shape {array.shape}, but source has {num_edges} edges; "
                "give one entry for each edge"
            )
    for name in ("source", "target"):
        _check_range(name, getattr(graph, name), graph.num_nodes)
    for name in ("inputs", "outputs"):
        nodes = getattr(graph, name)
        _check_range(name, nodes, graph.num_nodes)
        if len(set(nodes)) < len(nodes):
            raise InputError(f"path graph: {name} {nodes} names a node twice")
    backward = np.flatnonzero(graph.source >= graph.target)
    if backward.size:
        i = int(backward[0])
        raise InputError(
            f"path graph: edge {i} leads from node {graph.source[i]} to {graph.target[i]}, "
            "not to a higher number; a cycle has no path law, an acyclic graph needs its nodes "
            "numbered in topological order"
        )
    if num_edges and graph.length.min() < 0:
        raise InputError(f"path graph: an edge has length {graph.length.min()}, below 0")
    if graph.log_weight is not None:
        _check_weights(graph.log_weight)


def _check_range(name: str, nodes: Iterable[int], num_nodes: int) -> None:
    array = np.asarray(nodes)
    outside = array[(array < 0) | (array >= num_nodes)]
    if outside.size:
        raise InputError(
            f"path graph: {name} names node {outside[0]}, but there are {num_nodes} nodes "
            "(0 is the first)"
        )


def _check_weights(log_weight: FloatArray) -> None:
    is_number = np.abs(log_weight) <= LARGEST_LOG_WEIGHT
    bad = np.flatnonzero(~is_number & (log_weight != -math.inf))
    if bad.size:
        raise InputError(
            f"path graph: the log weight of edge {bad[0]} is {log_weight[bad[0]]}; only a "
            "finite gain (or 0, whose logarithm is -inf) gives paths a share; leave the weights "
            "out to get the counts alone"
        )
