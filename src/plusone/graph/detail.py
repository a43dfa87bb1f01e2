"""How much of a picture's detail some path brings to an output of its size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from plusone.capture.trace import Trace
from plusone.graph.dag import Dag
from plusone.graph.naming import Sites
from plusone.graph.resolution import (
    PLACED,
    UNPOOLED,
    effective_positions,
    needed_positions,
    positions_of,
)
from plusone.graph.sources import path_sources
from plusone.graph.widest import narrowest_on_path, widest_paths
from plusone.records import Passage, Value

# An output is one of the input's size from half of it a side on, with sides of like proportions.
_HALF, _ALIKE = 0.5, 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """A source with its positions a sample and its sides."""

    node: int
    positions: float
    sides: tuple[int, ...]


def detail_of(trace: Trace, dag: Dag, sites: Sites) -> Passage | None:
    """The widest way from a picture to the output that has least of it; None where none applies.

    The value is the linear resolution, the d-th root of positions, of the narrowest tensor on the
    widest path, over that of the output (or the input, where that has less). Of several outputs the
    worst counts, of several pictures the best. Cost: linear in the operations.
    """
    pictures = _pictures(dag, _batch(trace, dag))
    if not pictures:
        return None
    batch = _batch(trace, dag)
    found = positions_of(dag, batch)
    targets = {v: size for v in dag.sinks if (size := _full_size(dag, v, pictures, batch))}
    if not targets:
        return None
    width = effective_positions(found, needed_positions(dag, found, targets))
    for v, name in enumerate(dag.name):
        if name in UNPOOLED:
            width[v] = found.at[v]
    starts = {p.node: p.positions for p in pictures}
    starts |= {v: found.at[v] for v, name in enumerate(dag.name) if name in UNPOOLED}
    widest = widest_paths(dag.parents, width, starts)
    axes = len(pictures[0].sides)
    most = max(starts[p.node] for p in pictures)
    shares = {v: min(1.0, widest[v] / min(size, most)) for v, size in targets.items() if widest[v]}
    if not shares:
        return None
    worst = min(shares, key=lambda v: (shares[v], v))
    narrow = narrowest_on_path(dag.parents, widest, starts, worst)
    return Passage(
        value=Value.of(shares[worst] ** (1.0 / axes)),
        where=sites.name(narrow),
        size=round(widest[worst]),
        needed=round(min(targets[worst], most)),
    )


def _batch(trace: Trace, dag: Dag) -> int:
    if trace.batch:
        return trace.batch
    first = next((dag.shape[s] for s in dag.sources if dag.shape[s]), (1,))
    return max(first[0], 1)


def _pictures(dag: Dag, batch: int) -> list[_Picture]:
    """The inputs that a convolution or the like reads, or that have four or five dimensions."""
    found = []
    for source in path_sources(dag):
        shape = dag.shape[source]
        if dag.name[source] != "input":
            continue
        read = _as_read(dag, source) or (shape if len(shape) > 3 else None)
        if read is not None and math.prod(read[2:]) > 1:
            positions = math.prod(read) / read[1] / batch
            found.append(_Picture(node=source, positions=positions, sides=read[2:]))
    most = max((len(p.sides) for p in found), default=0)
    return [p for p in found if len(p.sides) == most]


def _as_read(dag: Dag, source: int) -> tuple[int, ...] | None:
    """The shape in which the first convolution or the like reads the source."""
    pending, seen = [source], {source}
    while pending:
        v = pending.pop(0)
        for child in dag.children[v]:
            at = dag.parents[child].index(v)
            shape = dag.shape_of(v, dag.outs[child][at])
            if dag.name[child] in PLACED and len(shape) > 2:
                return shape
            if child not in seen and not dag.weight[child]:
                seen.add(child)
                pending.append(child)
    return None


def _full_size(dag: Dag, sink: int, pictures: Sequence[_Picture], batch: int) -> float:
    """The positions of an output that has at least half a picture's size a side; else 0."""
    shape = dag.shape[sink]
    for picture in pictures:
        axes = len(picture.sides)
        forms = [shape[2:], shape[1:-1]] if len(shape) == axes + 2 else [shape[1:]]
        if axes == 1:
            # Tokens [N, T, C] have as many dimensions as a signal [N, C, L].
            forms = [sides for sides in forms if sides == _last_placed(dag, sink)]
        for sides in forms:
            if len(sides) != axes:
                continue
            ratios = [a / b for a, b in zip(sides, picture.sides, strict=True)]
            if min(ratios) >= _HALF and max(ratios) <= _ALIKE * min(ratios):
                return math.prod(sides) * max(1.0, shape[0] / batch)
    return 0.0


def _last_placed(dag: Dag, v: int) -> tuple[int, ...] | None:
    """The positions of the last layer before v, where that is a convolution or the like."""
    while dag.name[v] not in PLACED:
        if dag.weight[v] or not dag.parents[v]:
            return None
        v = dag.parents[v][0]
    return dag.shape[v][2:]
