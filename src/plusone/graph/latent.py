"""The latent of an autoencoder, and what of its input reaches the output around it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from plusone.capture.trace import Trace, ValueRef
from plusone.graph.arms import plain_arms, without_noise
from plusone.graph.dag import Dag, activation_graph
from plusone.graph.naming import Sites
from plusone.graph.opkinds import ADD, NOISE, SOFTMAX, TRANSPARENT, base_name
from plusone.graph.vertex_cut import smallest_cut

# A latent holds at most this share of the input's numbers.
_LARGEST = 0.5
# From this many times the latent's numbers on, the width of what goes around is a lower bound.
_WIDE = 4.0
# What makes weights or a choice of a noisy score, as a router of experts does.
_CHOOSING = SOFTMAX | frozenset(["topk", "sort", "argmax", "max"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Latent:
    """`values` are the latent, `around` the values that enter the decoder beside it.

    `signals` are the latent's values without their noise, as far as they are told apart, `joins`
    what the first operation makes that reads each value around. `output` is the reconstruction;
    `name` and `enters` are the places of the latent and of the first operation that reads a value
    around it ("" where none does). `rows` is the number of samples, or of the nodes of a graph:
    what the leading dimensions agree in. The sizes are in numbers a sample; `width` are the
    numbers of the smallest vertex cut without the latent over those of the latent.
    """

    values: tuple[ValueRef, ...]
    signals: tuple[ValueRef, ...]
    around: tuple[ValueRef, ...]
    joins: tuple[ValueRef, ...]
    output: ValueRef
    rows: int | None
    name: str
    enters: str
    size: int
    size_around: int
    width: float


def may_have_latent(trace: Trace, targets_are_inputs: bool) -> bool:
    """Whether it is worth to look for one: noise is drawn, or the input is to be given back."""
    return targets_are_inputs or any(base_name(op.name) in NOISE for op in trace.ops)


def latent_of(trace: Trace, *, targets_are_inputs: bool) -> Latent | None:
    """The latent of a model that gives back its input; None where there is none.

    It is the sums with noise drawn for them (mu + sigma(x) * noise) or, where the targets are the
    inputs and nothing is drawn, the narrowest layer on the longest way through the layers. What
    enters around it are the values on a path from the input to the output that does not meet it, at
    the border between what does not depend on the latent and what does. Cost: linear.
    """
    dag = activation_graph(trace)
    pair = _given_back(dag)
    if pair is None:
        return None
    source, sink = pair
    below = _reachable(dag, (source,), frozenset())
    above = _leading(dag, sink, frozenset())
    way = below & above
    most = math.prod(dag.shape[source])
    latent = {v for v in way if _has_noise(trace, dag, v)}
    latent = {v for v in latent if math.prod(dag.shape[v]) <= _LARGEST * most}
    if not latent and targets_are_inputs:
        latent = _narrowest(dag, sink, way, _LARGEST * most)
    if not latent:
        return None
    cut = frozenset(latent)
    free = _reachable(dag, (source,), cut) & _leading(dag, sink, cut)
    behind = _reachable(dag, latent, frozenset())
    entering = [
        (w, v, out)
        for w in sorted(free & behind)
        for v, out in zip(dag.parents[w], dag.outs[w], strict=True)
        if v in free and v not in behind and 0 not in dag.shape_of(v, out)
    ]
    sites = Sites(dag, trace.calls)
    batch, size = trace.batch or 1, sum(math.prod(dag.shape[v]) for v in latent)
    around: dict[ValueRef, ValueRef] = {}
    for w, v, out in entering:
        around.setdefault(_value(dag, v, out), dag.value[w])
    read = {(v, out) for _, v, out in entering}
    return Latent(
        values=tuple(_value(dag, v, 0) for v in sorted(latent)),
        signals=tuple(_signal(dag, v) for v in sorted(latent)),
        around=tuple(around),
        joins=tuple(around.values()),
        output=dag.value[sink],
        rows=trace.batch or _rows(dag, (sink, *latent, *(v for _, v, _ in entering))),
        name=sites.name(min(latent)),
        enters=sites.name(entering[0][0]) if entering else "",
        size=size // batch,
        size_around=sum(math.prod(dag.shape_of(v, out)) for v, out in read) // batch,
        width=_numbers_around(dag, source, sink, cut, size) / size,
    )


def _numbers_around(dag: Dag, source: int, sink: int, cut: frozenset[int], size: int) -> float:
    """The numbers of the smallest vertex cut from source to sink once `cut` is closed; 0 without
    a path, and a lower bound from `_WIDE` times `size` on."""
    parents = [
        [] if v in cut else [p for p in row if p not in cut] for v, row in enumerate(dag.parents)
    ]
    numbers = [float(math.prod(shape)) for shape in dag.shape]
    found = smallest_cut(parents, numbers, source, sink, limit=_WIDE * size)
    return 0.0 if found is None else min(found.capacity, _WIDE * size)


def _rows(dag: Dag, nodes: Iterable[int]) -> int | None:
    sizes = {dag.shape[v][0] if dag.shape[v] else 0 for v in nodes}
    return sizes.pop() if len(sizes) == 1 else None


def _given_back(dag: Dag) -> tuple[int, int] | None:
    """The input and the first output that has as many numbers."""
    inputs = {math.prod(dag.shape[s]): s for s in dag.sources if dag.name[s] == "input"}
    for sink in dag.sinks:
        source = inputs.get(math.prod(dag.shape[sink]))
        if source is not None and source != sink:
            return source, sink
    return None


def _has_noise(trace: Trace, dag: Dag, v: int) -> bool:
    """Whether v adds noise to a signal, and what comes of it is no weight or choice."""
    if dag.name[v] not in ADD:
        return False
    arms = plain_arms(dag, v)
    drawn = any(
        base_name(trace.ops[p].name) in NOISE for p, _ in trace.ops[dag.value[v][0]].parents
    )
    signals = without_noise(dag, arms)
    has_noise = 0 < len(signals) < len(arms) or (drawn and dag.name[v] == "addcmul")
    return has_noise and not _is_score(dag, v)


def _signal(dag: Dag, v: int) -> ValueRef:
    """What noise was added to at v; v itself where that is not one value of its shape."""
    arms = plain_arms(dag, v)
    signals = without_noise(dag, arms)
    if dag.name[v] == "addcmul":
        signals = arms[:1]
    elif len(signals) == len(arms):
        signals = []
    one = signals[0] if len(signals) == 1 else None
    if one is None or dag.shape_of(one.node, one.out) != dag.shape[v]:
        return _value(dag, v, 0)
    return _value(dag, one.node, one.out)


def _is_score(dag: Dag, v: int) -> bool:
    while len(dag.children[v]) == 1 and dag.name[dag.children[v][0]] in TRANSPARENT:
        v = dag.children[v][0]
    return any(dag.name[child] in _CHOOSING for child in dag.children[v])


def _narrowest(dag: Dag, sink: int, way: Iterable[int], most: float) -> set[int]:
    """The narrowest layer of those on the longest way, as long as it is narrow, and no gate."""
    ahead = [-math.inf] * len(dag)
    ahead[sink] = 0
    for v in range(sink, -1, -1):
        for p in dag.parents[v]:
            ahead[p] = max(ahead[p], ahead[v] + dag.weight[v])
    longest = dag.layers[sink]
    layers = [
        v
        for v in sorted(way)
        if dag.weight[v] and dag.layers[v] + ahead[v] == longest and not _ends_in_gate(dag, v)
    ]
    if not layers:
        return set()
    narrow = min(layers, key=lambda v: math.prod(dag.shape[v]))
    return {narrow} if math.prod(dag.shape[narrow]) <= most else set()


def _ends_in_gate(dag: Dag, v: int) -> bool:
    """Whether v alone makes a factor that is spread over a larger signal."""
    while len(dag.children[v]) == 1:
        child = dag.children[v][0]
        if len(set(dag.parents[child])) > 1:
            largest = max(math.prod(dag.shape[p]) for p in dag.parents[child])
            return dag.name[child] == "mul" and math.prod(dag.shape[v]) < largest
        v = child
    return False


def _reachable(dag: Dag, starts: Iterable[int], closed: frozenset[int]) -> frozenset[int]:
    found = set(starts)
    for v in range(min(found), len(dag)):
        if v not in closed and any(p in found for p in dag.parents[v]):
            found.add(v)
    return frozenset(found)


def _leading(dag: Dag, sink: int, closed: frozenset[int]) -> frozenset[int]:
    found, pending = {sink}, [sink]
    while pending:
        for p in dag.parents[pending.pop()]:
            if p not in found and p not in closed:
                found.add(p)
                pending.append(p)
    return frozenset(found)


def _value(dag: Dag, node: int, out: int) -> ValueRef:
    number, own = dag.value[node]
    return number, max(own, out)
