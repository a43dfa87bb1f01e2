"""The activation graph: what of a trace depends, through floating-point numbers, on an input.

Nodes are numbered in order of execution, so every edge goes from a lower to a higher number.
Operations inside a recurrent module are one node; `addmm` with a signal as its summand is two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import NamedTuple

from plusone.capture.trace import Op, Trace, ValueRef
from plusone.graph.opkinds import (
    ADD_PRODUCT,
    FREE_MIXING,
    MIXING,
    NOISE,
    SHAPE_ONLY,
    base_name,
)
from plusone.graph.stacked import sums_of_stacks


@dataclass(slots=True)
class Dag:
    """Columns over the nodes of the activation graph.

    `value[v]` is the value of the trace that node v makes; `name[v]` the operation (without the
    in-place underscore); `call[v]` the module call it ran in and `path[v]` that module's path;
    `shape[v]` the shape of its (first) output and `shapes[v]` those of all;
    `parents[v]` the nodes read, in argument order and with repetition;
    `outs[v]` the output numbers read of each parent; `weight[v]` 1 where a product with
    parameters happens; `mixes[v]` 1 there and where positions mix without weights; `layers[v]`
    and `mixing[v]` the largest sums of the two over all paths that end in v; `params[v]` the
    positions in the trace of the parameters read; `factors[v]` the numbers by which a sum
    multiplies its parents (empty: all are 1); `axis[v]` the dimension of a concatenation, or -1.
    `recurrences[v]` are the operations inside recurrent modules whose results v reads: it tells
    the states of all steps from the last one. `is_noise[v]` says that v is fresh normal noise
    times a signal.
    """

    value: list[ValueRef] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    call: list[int] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    shape: list[tuple[int, ...]] = field(default_factory=list)
    shapes: list[tuple[tuple[int, ...], ...]] = field(default_factory=list)
    parents: list[list[int]] = field(default_factory=list)
    outs: list[list[int]] = field(default_factory=list)
    children: list[list[int]] = field(default_factory=list)
    weight: list[int] = field(default_factory=list)
    mixes: list[int] = field(default_factory=list)
    layers: list[int] = field(default_factory=list)
    mixing: list[int] = field(default_factory=list)
    partial: list[bool] = field(default_factory=list)
    uses_parameters: list[bool] = field(default_factory=list)
    params: list[tuple[int, ...]] = field(default_factory=list)
    factors: list[tuple[float, ...]] = field(default_factory=list)
    axis: list[int] = field(default_factory=list)
    recurrences: list[frozenset[int]] = field(default_factory=list)
    is_noise: list[bool] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    sinks: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.value)

    def shape_of(self, node: int, out: int) -> tuple[int, ...]:
        """The shape of one output of `node`."""
        shapes = self.shapes[node]
        return shapes[out] if 0 <= out < len(shapes) else shapes[0]


def activation_graph(trace: Trace) -> Dag:
    """The graph of the operations of `trace` on the way from an input to an output."""
    dag = _pruned(_forward_graph(trace), trace)
    dag.path = [trace.calls[call].path for call in dag.call]
    dag.shapes = [trace.ops[op].shapes for op, _ in dag.value]
    dag.shape = [shapes[0] for shapes in dag.shapes]
    return dag


def _forward_graph(trace: Trace) -> tuple[Dag, dict[int, int]]:
    dag = Dag()
    node_of: dict[int, int] = {}  # operation of the trace -> node
    derived: set[int] = set()  # operations on parameters alone
    from_input: set[int] = set(trace.inputs)  # anything that an input decides, integers too
    recurrent: dict[int, int] = {}  # outermost recurrent call -> node
    inputs = set(trace.inputs)
    sums = sums_of_stacks(trace)
    for i, op in enumerate(trace.ops):
        if i in inputs:
            if op.is_float[0]:
                node_of[i] = _add(dag, (i, 0), "input", op.call, [], [], weight=0, mix=0)
                dag.sources.append(node_of[i])
            continue
        op = sums.get(i, op)
        name = base_name(op.name)
        if name in SHAPE_ONLY and not op.writes:
            continue
        live = _live(trace, node_of, op)
        has_weights = bool(op.params) or any(p in derived for p, _ in op.parents)
        if not any(op.is_float):
            if any(p in from_input for p, _ in op.parents):
                from_input.add(i)
            continue
        if not live:
            if not any(p in from_input for p, _ in op.parents):
                if has_weights:
                    derived.add(i)
                continue
            from_input.add(i)
        call = _recurrent_call(trace, op.call)
        if call is not None:
            _into_recurrent(dag, recurrent, node_of, i, call, live)
            continue
        _append(trace, dag, node_of, i, op, name, live, has_weights)
        if not live:
            dag.sources.append(node_of[i])
    return dag, node_of


class _Read(NamedTuple):
    node: int
    out: int
    factor: float
    op: int


def _live(trace: Trace, node_of: dict[int, int], op: Op) -> list[_Read]:
    """The signals among the operands of `op`, with the numbers that they are multiplied by."""
    # A partial write reads the former value besides, which has no factor.
    factors = op.factors + (1.0,) * (len(op.parents) - len(op.factors))
    return [
        _Read(node_of[p], out, factor, p)
        for (p, out), factor in zip(op.parents, factors, strict=True)
        if _is_live(trace, node_of, p, out)
    ]


def _is_live(trace: Trace, node_of: dict[int, int], op: int, out: int) -> bool:
    if op not in node_of:
        return False
    flags = trace.ops[op].is_float
    return flags[out] if out < len(flags) else True


def _append(
    trace: Trace,
    dag: Dag,
    node_of: dict[int, int],
    i: int,
    op: Op,
    name: str,
    live: Sequence[_Read],
    has_weights: bool,
) -> None:
    parents, outs = [r.node for r in live], [r.out for r in live]
    factors = tuple([r.factor for r in live]) if op.factors else ()
    is_product = name in MIXING
    weight = int(is_product and has_weights)
    mix = int(is_product or name in FREE_MIXING)
    if name == "rsub" and len(live) == 2:
        name = "sub"
    if name in ADD_PRODUCT and len(live) >= 2 and _summand_is_live(op, live, dag):
        # self + a @ b with a signal as self: the product is a node of its own.
        product = _add(dag, (i, -1), "mm", op.call, parents[1:], outs[1:], weight=weight, mix=1)
        dag.params[product] = op.params
        node = _add(dag, (i, 0), "add", op.call, [parents[0], product], [outs[0], 0], 0, 0)
        factors = (*factors[:1], 1.0) if factors else ()
    else:
        node = _add(dag, (i, 0), name, op.call, parents, outs, weight=weight, mix=mix)
    dag.partial[node] = op.partial
    dag.uses_parameters[node] = has_weights
    dag.params[node] = op.params
    dag.factors[node] = factors
    dag.axis[node] = op.axis
    dag.is_noise[node] = name == "mul" and _reads_noise(trace, op)
    if any(dag.name[r.node] == "recurrent" for r in live):
        dag.recurrences[node] = frozenset(r.op for r in live if dag.name[r.node] == "recurrent")
    node_of[i] = node


def _reads_noise(trace: Trace, op: Op) -> bool:
    return any(base_name(trace.ops[p].name) in NOISE for p, _ in op.parents)


def _summand_is_live(op: Op, live: Sequence[_Read], dag: Dag) -> bool:
    # With two signals among the operands and one parameter, the first signal is the summand.
    first = dag.value[live[0].node]
    return bool(op.parents) and op.parents[0][0] == first[0]


def _add(
    dag: Dag,
    value: ValueRef,
    name: str,
    call: int,
    parents: list[int],
    outs: list[int],
    weight: int,
    mix: int,
) -> int:
    node = len(dag.value)
    dag.value.append(value)
    dag.name.append(name)
    dag.call.append(call)
    dag.parents.append(parents)
    dag.outs.append(outs)
    dag.children.append([])
    dag.weight.append(weight)
    dag.mixes.append(mix)
    dag.layers.append(max([dag.layers[p] for p in parents], default=0) + weight)
    dag.mixing.append(max([dag.mixing[p] for p in parents], default=0) + mix)
    dag.partial.append(False)
    dag.uses_parameters.append(False)
    dag.params.append(())
    dag.factors.append(())
    dag.axis.append(-1)
    dag.recurrences.append(frozenset())
    dag.is_noise.append(False)
    for parent in dict.fromkeys(parents):
        dag.children[parent].append(node)
    return node


def _recurrent_call(trace: Trace, call: int) -> int | None:
    if not trace.calls[call].is_recurrent:
        return None
    while (parent := trace.calls[call].parent) >= 0 and trace.calls[parent].is_recurrent:
        call = parent
    return call


def _into_recurrent(
    dag: Dag,
    recurrent: dict[int, int],
    node_of: dict[int, int],
    i: int,
    call: int,
    live: Sequence[_Read],
) -> None:
    node = recurrent.get(call)
    if node is None:
        parents, outs = [r.node for r in live], [r.out for r in live]
        node = _add(dag, (i, 0), "recurrent", call, parents, outs, weight=1, mix=1)
        recurrent[call] = node
        dag.uses_parameters[node] = True
        if not parents:
            dag.sources.append(node)
    else:
        for parent, out, _, _ in live:
            if parent != node and parent < node and parent not in dag.parents[node]:
                dag.parents[node].append(parent)
                dag.outs[node].append(out)
                dag.children[parent].append(node)
        dag.layers[node] = max([dag.layers[p] for p in dag.parents[node]], default=0) + 1
        dag.mixing[node] = max([dag.mixing[p] for p in dag.parents[node]], default=0) + 1
    dag.value[node] = (i, 0)
    node_of[i] = node


_COLUMNS = (
    *("value", "name", "call", "outs", "weight", "mixes", "layers", "mixing"),
    *("partial", "uses_parameters", "params", "factors", "axis", "recurrences", "is_noise"),
)


def _pruned(made: tuple[Dag, dict[int, int]], trace: Trace) -> Dag:
    """Only the nodes from which an output can be reached."""
    dag, node_of = made
    ends = sorted({node_of[op] for op, _ in trace.outputs if op in node_of})
    keep = [False] * len(dag)
    for end in ends:
        keep[end] = True
    for v in range(len(dag) - 1, -1, -1):
        if keep[v]:
            for p in dag.parents[v]:
                keep[p] = True
    if all(keep):
        dag.sinks = ends
        return dag
    number = {v: k for k, v in enumerate(v for v in range(len(dag)) if keep[v])}
    small = Dag()
    for column in _COLUMNS:
        setattr(small, column, list(compress(getattr(dag, column), keep)))
    small.parents = [[number[p] for p in dag.parents[v]] for v in number]
    small.children = [[number[c] for c in dag.children[v] if c in number] for v in number]
    small.sources = [number[s] for s in dag.sources if s in number]
    small.sinks = [number[e] for e in ends]
    return small
