"""The narrowest place that all ways from an input to an output pass, in numbers a sample."""

from __future__ import annotations

import math

from plusone.capture.trace import Trace, ValueRef
from plusone.graph.dag import Dag
from plusone.graph.naming import Sites
from plusone.graph.sources import path_sources
from plusone.graph.vertex_cut import smallest_cut
from plusone.records import Passage, Value

# Below this share a cut is looked for exactly, with all of its tensors.
EXACT_BELOW = 0.5
# Of many inputs or outputs (a list of hidden states), the largest are looked at.
_MOST_ENDS = 8


def capacity_of(trace: Trace, dag: Dag, sites: Sites) -> Passage | None:
    """The narrowest vertex cut between an input and an output; None where no path leads.

    The value is numbers(cut) / min(numbers(input), numbers that the last layers with weights read,
    numbers that they make), at most 1: a cut needs to hold no more than what comes or what is made.
    Many logits are made from what the last layer reads, and interpolated ones from few. Token ids
    come as their embeddings. From `EXACT_BELOW` on the value is a lower bound. Of all pairs the
    worst counts.
    """
    batch = trace.batch or 1
    numbers = [size / batch for size in _handed_on(trace, dag)]
    sources = sorted(path_sources(dag), key=lambda s: -numbers[s])[:_MOST_ENDS]
    sinks = sorted(dag.sinks, key=lambda t: -numbers[t])[:_MOST_ENDS]
    worst: Passage | None = None
    for sink in sinks:
        made = min(numbers[sink], *_last_layers(dag, sink, numbers))
        for source in sources:
            needed = min(made, numbers[source])
            if source == sink or needed <= 1.0:
                continue
            limit = EXACT_BELOW * needed
            cut = smallest_cut(dag.parents, numbers, source, sink, limit=limit)
            if cut is None:
                continue
            share = min(1.0, cut.capacity / needed)
            if worst is None or share < float(worst.value):
                worst = Passage(
                    value=Value.of(share),
                    where=sites.name(cut.nodes[0]) if cut.nodes else "",
                    size=round(cut.capacity),
                    needed=round(needed),
                )
    return worst


def _last_layers(dag: Dag, sink: int, numbers: list[float]) -> tuple[float, float]:
    """The numbers that the last layers with weights before `sink` read and make, all together."""
    pending, seen, read, made = [sink], {sink}, 0.0, 0.0
    while pending:
        v = pending.pop()
        if dag.weight[v] or not dag.parents[v]:
            made += numbers[v]
            read += max((numbers[p] for p in dag.parents[v]), default=numbers[v])
            continue
        fresh = [p for p in dict.fromkeys(dag.parents[v]) if p not in seen]
        seen.update(fresh)
        pending.extend(fresh)
    return read, made


def _handed_on(trace: Trace, dag: Dag) -> list[float]:
    """The numbers of those outputs of each node that others read, or that the model returns.

    Of a recurrent module these may be all its states, or the last one alone.
    """
    read: list[set[int]] = [set() for _ in range(len(dag))]
    for v in range(len(dag)):
        for parent, out in zip(dag.parents[v], dag.outs[v], strict=True):
            if dag.name[parent] != "recurrent":
                read[parent].add(out)
    sizes = [
        float(sum(math.prod(dag.shape_of(v, out)) for out in outs) or math.prod(dag.shape[v]))
        for v, outs in enumerate(read)
    ]
    for v, values in _of_recurrent(trace, dag).items():
        sizes[v] = float(sum(math.prod(trace.ops[op].shapes[out]) for op, out in values))
    return sizes


def _of_recurrent(trace: Trace, dag: Dag) -> dict[int, set[ValueRef]]:
    """The values that leave each recurrent module."""
    nodes = {dag.call[v]: v for v in range(len(dag)) if dag.name[v] == "recurrent"}
    if not nodes:
        return {}
    own = {op for op, _ in dag.value}
    home = [nodes.get(_outermost(trace, op.call), -1) for op in trace.ops]
    found: dict[int, set[ValueRef]] = {v: set() for v in nodes.values()}
    for number, op in enumerate(trace.ops):
        is_alive = home[number] >= 0 or number in own
        for parent, out in op.parents if is_alive else ():
            is_left = home[parent] >= 0 and home[parent] != home[number]
            if is_left and trace.ops[parent].is_float[out]:
                found[home[parent]].add((parent, out))
    for number, out in trace.outputs:
        if home[number] >= 0:
            found[home[number]].add((number, out))
    return {v: values for v, values in found.items() if values}


def _outermost(trace: Trace, call: int) -> int:
    """The outermost recurrent call around `call`, or -1."""
    if not trace.calls[call].is_recurrent:
        return -1
    while (parent := trace.calls[call].parent) >= 0 and trace.calls[parent].is_recurrent:
        call = parent
    return call
