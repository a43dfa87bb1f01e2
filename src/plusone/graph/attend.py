"""Skips by attention: a weighted sum that reads earlier representations past what lies between.

Two forms count. Over *time*: attention whose values come from a place that the query also depends
on through a recurrent module (an encoder-decoder with attention: the values go around the summary
vector), be it only that the query reads the module's last state and the values those of all
steps. Over *depth*: a softmax-weighted sum of a stack of earlier layers' outputs. Attention
inside a transformer layer is a branch, not a skip: its query comes from where its values come
from, or from elsewhere.
"""

from __future__ import annotations

from dataclasses import replace

from plusone.graph.ancestry import Ancestry
from plusone.graph.arms import Arm
from plusone.graph.dag import Dag
from plusone.graph.opkinds import ATTEND, NORM, RESHAPING, SCALE, SOFTMAX, TRANSPARENT
from plusone.graph.skips import Join, SkipEdge

_PRODUCTS = frozenset(["bmm", "matmul", "mm", "mv", "mul", "baddbmm"])
_PASSED = TRANSPARENT | SCALE | NORM | RESHAPING


def attention_skips(dag: Dag, ancestry: Ancestry) -> list[SkipEdge]:
    """The skips of attention around recurrent modules, in the order of execution."""
    recurrent = [v for v in range(len(dag)) if dag.name[v] == "recurrent"]
    if not recurrent:
        return []
    found = []
    for node in range(len(dag)):
        for weights, values in _attended(dag, node):
            source = _source(dag, values)
            between = [
                r
                for r in recurrent
                if source < r < weights
                and ancestry.is_ancestor(source, r)
                and ancestry.is_ancestor(r, weights)
            ]
            if between or _reads_another_state(dag, source, values, weights):
                found.append(
                    SkipEdge(
                        kind="attention",
                        entry=source,
                        join=node,
                        arm=Arm(values, 0),
                        branches=(Arm(weights, 0),),
                        span=ancestry.num_layers(source, weights),
                    )
                )
                break
    return found


def with_depth_attention(dag: Dag, joins: list[Join]) -> list[Join]:
    """The joins, those whose stack is summed with softmax weights turned into attention."""
    return [
        replace(j, skips=tuple(replace(s, kind="attention") for s in j.skips))
        if dag.name[j.node] == "stack" and _is_weighted_sum(dag, j.node)
        else j
        for j in joins
    ]


def _attended(dag: Dag, node: int) -> list[tuple[int, int]]:
    """Pairs (weights, values) if `node` is a sum of values with softmax weights."""
    parents = dag.parents[node]
    if dag.name[node] in ATTEND and len(parents) >= 3:
        return [(parents[0], parents[2])]
    if dag.name[node] not in _PRODUCTS or len(set(parents)) != 2:
        return []
    first, second = parents[0], parents[1]
    return [(w, v) for w, v in ((first, second), (second, first)) if _is_softmax(dag, w)]


def _is_softmax(dag: Dag, node: int) -> bool:
    return dag.name[_up(dag, node, TRANSPARENT)] in SOFTMAX


def _source(dag: Dag, node: int) -> int:
    """Where the values come from: up through form, scale, norm and one linear layer at most."""
    layers = 0
    while len(set(dag.parents[node])) == 1:
        layers += dag.weight[node]
        is_passed = dag.name[node] in _PASSED or (
            dag.weight[node] and dag.name[node] != "recurrent"
        )
        if not is_passed or layers > 1:
            break
        node = dag.parents[node][0]
    return node


def _reads_another_state(dag: Dag, source: int, values: int, weights: int) -> bool:
    """Whether the weights depend on another output of the recurrent module than the values do."""
    if dag.name[source] != "recurrent":
        return False
    seen_by = [_recurrences_above(dag, node, source) for node in (values, weights)]
    return bool(seen_by[1] - seen_by[0])


def _recurrences_above(dag: Dag, node: int, source: int) -> frozenset[int]:
    """The results of the recurrent module `source` that are read on the ways from it to `node`."""
    found: frozenset[int] = frozenset()
    pending, seen = [node], {node}
    while pending:
        v = pending.pop()
        if source in dag.parents[v]:
            found |= dag.recurrences[v]
        fresh = [p for p in dag.parents[v] if p > source and p not in seen]
        seen.update(fresh)
        pending.extend(fresh)
    return found


def _up(dag: Dag, node: int, names: frozenset[str]) -> int:
    while dag.name[node] in names and len(set(dag.parents[node])) == 1:
        node = dag.parents[node][0]
    return node


def _is_weighted_sum(dag: Dag, stack: int) -> bool:
    frontier = [stack]
    for _ in range(4):
        frontier = [c for v in frontier for c in dag.children[v]]
        for child in frontier:
            if any(values != child for _, values in _attended(dag, child)):
                return True
        frontier = [c for c in frontier if dag.name[c] in TRANSPARENT]
    return False
