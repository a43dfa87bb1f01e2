"""The skip graph: a trace folded to blocks, skips and paths, in the words that a report uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from plusone.capture.trace import Trace, ValueRef
from plusone.graph.ancestry import Ancestry
from plusone.graph.attend import attention_skips, with_depth_attention
from plusone.graph.blocks import Segment, find_blocks
from plusone.graph.bottleneck import capacity_of
from plusone.graph.dag import Dag, activation_graph
from plusone.graph.detail import detail_of
from plusone.graph.ends import without_stem_and_head
from plusone.graph.naming import Sites, block_names
from plusone.graph.reduce import PathEdge, reduced_paths
from plusone.graph.skips import Join, SkipEdge, find_joins
from plusone.graph.trunk import find_trunk
from plusone.records import Kind, Passage, Skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block, with the values of the trace at its borders.

    `entry` enters, `output` leaves; `branches` are the values of the branches just before the
    join and `skip_value` that of the skip; `factors` are the numbers by which the join multiplies
    the skip and then each branch. `operations` is the range of operations that ran
    from entry to output, `parameters` the positions in the trace of
    the parameters that its branch reads. `signature` is equal for blocks of the same structure.
    """

    name: str
    module: str
    kind: Literal["residual", "plain"]
    entry: ValueRef
    output: ValueRef
    branches: tuple[ValueRef, ...]
    skip_value: ValueRef | None
    factors: tuple[float, ...]
    skip: Kind | None
    is_composite: bool
    layers: int
    depth: int
    level: int
    operations: tuple[int, int]
    shape: tuple[int, ...]
    input_shape: tuple[int, ...]
    parameters: tuple[int, ...]
    signature: tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipGraph:
    """Blocks in order of execution, skips in order of their joins, and the graph of paths.

    `first`, `start` and `last` are the ends of the trunk and `trunk` its blocks (see `Trunk`).
    `detail` and `capacity` are the narrowest places (see `Structure`).
    """

    blocks: tuple[Block, ...]
    skips: tuple[Skip, ...]
    path_edges: tuple[PathEdge, ...]
    num_path_nodes: int
    path_inputs: tuple[int, ...]
    path_outputs: tuple[int, ...]
    num_operations: int
    first: ValueRef | None
    start: ValueRef | None
    last: ValueRef | None
    trunk: tuple[int, ...]
    detail: Passage | None = None
    capacity: Passage | None = None


def find_skips(trace: Trace) -> SkipGraph:
    """The skip graph of a recorded forward. Cost: about linear in the number of operations."""
    dag = activation_graph(trace)
    ancestry = Ancestry(dag)
    joins = with_depth_attention(dag, find_joins(dag, ancestry))
    segments = find_blocks(dag, ancestry, joins, trace.calls)
    segments = without_stem_and_head(dag, ancestry, segments, trace.calls)
    names = block_names(dag, trace, segments)
    paths = reduced_paths(dag, joins, segments)
    levels = _levels(segments)
    blocks = tuple(
        _block(dag, trace, segment, name, depth, level)
        for segment, name, depth, level in zip(segments, names, paths.depths, levels, strict=True)
    )
    trunk = find_trunk(trace, blocks)
    sites = Sites(dag, trace.calls)
    return SkipGraph(
        blocks=blocks,
        skips=_skips(dag, ancestry, sites, trace, segments, _edges(dag, ancestry, joins)),
        path_edges=paths.edges,
        num_path_nodes=paths.num_nodes,
        path_inputs=paths.inputs,
        path_outputs=paths.outputs,
        num_operations=len(trace.ops),
        first=trunk.first,
        start=trunk.start,
        last=trunk.last,
        trunk=trunk.blocks,
        detail=detail_of(trace, dag, sites),
        capacity=capacity_of(trace, dag, sites),
    )


def _block(dag: Dag, trace: Trace, segment: Segment, name: str, depth: int, level: int) -> Block:
    output = dag.value[segment.output]
    call = trace.calls[segment.call]
    shape = trace.ops[output[0]].shapes[max(output[1], 0)]
    skip = segment.skip
    arm = skip.arm if skip is not None else None
    kind = skip.kind if skip is not None else None
    return Block(
        name=name,
        module=call.path,
        kind=segment.kind,
        entry=_value(dag, segment.entry, 0),
        output=output,
        branches=tuple(_value(dag, a.node, a.out) for a in segment.arms),
        skip_value=_value(dag, arm.node, arm.out) if arm is not None else None,
        factors=tuple(a.factor for a in (*([arm] if arm is not None else []), *segment.arms)),
        skip=kind,
        is_composite=segment.is_composite,
        layers=segment.layers,
        depth=depth,
        level=level,
        operations=(dag.value[segment.entry][0], output[0]),
        shape=shape,
        input_shape=dag.shape[segment.entry],
        parameters=_parameters(dag, trace, segment),
        signature=_signature(dag, segment, call.cls, shape),
    )


def _signature(dag: Dag, segment: Segment, cls: str, shape: tuple[int, ...]) -> tuple[object, ...]:
    kind = segment.skip.kind if segment.skip is not None else None
    # Where features are laid side by side, every block is wider than the one before.
    size = shape[2:] if kind == "concat" else shape[1:]
    before = dag.shape[segment.entry][1:] if kind is None else ()
    return (segment.kind, kind, segment.layers, cls, before, size, segment.is_composite)


def _parameters(dag: Dag, trace: Trace, segment: Segment) -> tuple[int, ...]:
    found = {p for v in segment.nodes for p in trace.ops[dag.value[v][0]].params}
    return tuple(sorted(found))


def _value(dag: Dag, node: int, out: int) -> ValueRef:
    op, own = dag.value[node]
    return (op, own if own < 0 else out)


def _levels(segments: list[Segment]) -> list[int]:
    """How many blocks contain each block, by their intervals of execution."""
    composite = [(s.entry, s.output) for s in segments if s.is_composite]
    return [
        sum(1 for e, o in composite if e <= s.entry and s.output <= o and (e, o) != _interval(s))
        for s in segments
    ]


def _interval(segment: Segment) -> tuple[int, int]:
    return segment.entry, segment.output


def _edges(dag: Dag, ancestry: Ancestry, joins: list[Join]) -> list[SkipEdge]:
    edges = [skip for join in joins for skip in join.skips]
    return sorted([*edges, *attention_skips(dag, ancestry)], key=lambda edge: edge.join)


def _skips(
    dag: Dag,
    ancestry: Ancestry,
    sites: Sites,
    trace: Trace,
    segments: list[Segment],
    edges: list[SkipEdge],
) -> tuple[Skip, ...]:
    levels = _skip_levels(ancestry, edges)
    return tuple(
        Skip(
            kind=edge.kind,
            source=sites.name(edge.entry),
            join=sites.name(edge.join),
            module=trace.calls[dag.call[edge.join]].path,
            span=edge.span,
            level=level,
            first_block=min(inside, default=-1),
            last_block=max(inside, default=-1),
        )
        for edge, level in zip(edges, levels, strict=True)
        for inside in [_blocks_inside(segments, edge)]
    )


def _blocks_inside(segments: list[Segment], edge: SkipEdge) -> list[int]:
    # Segments are sorted by output: the ones inside form a run that ends at the join.
    inside = []
    for k in range(_first_after(segments, edge.entry), len(segments)):
        if segments[k].output > edge.join:
            break
        if segments[k].entry >= edge.entry:
            inside.append(k)
    return inside


def _first_after(segments: list[Segment], node: int) -> int:
    low, high = 0, len(segments)
    while low < high:
        middle = (low + high) // 2
        if segments[middle].output > node:
            high = middle
        else:
            low = middle + 1
    return low


def _skip_levels(ancestry: Ancestry, edges: list[SkipEdge]) -> list[int]:
    """The nesting depth of each skip: how many skips leave before it and return after it.

    Of two skips whose intervals of execution lie within one another, only those count that lie
    on one way: an encoder's blocks are not inside a skip of the decoder that ran around them.
    """
    order = sorted(range(len(edges)), key=lambda i: (edges[i].entry, -edges[i].join))
    levels = [0] * len(edges)
    open_: list[int] = []
    for i in order:
        inner = edges[i]
        open_ = [k for k in open_ if edges[k].join > inner.entry]
        levels[i] = sum(1 for k in open_ if _goes_around(ancestry, edges[k], inner))
        open_.append(i)
    return levels


def _goes_around(ancestry: Ancestry, outer: SkipEdge, inner: SkipEdge) -> bool:
    return (
        outer.join > inner.join
        and ancestry.is_ancestor(outer.entry, inner.entry)
        and ancestry.is_ancestor(inner.join, outer.join)
    )
