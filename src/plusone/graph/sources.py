"""Where paths begin: at what carries a signal in, and not at masks and numbers beside it.

Token ids begin one where they are embedded, integers where their float form is read by a layer.
Integers that first meet another signal decide how much of it passes or where it stands (a padding
mask, a degree, a position); so do floating-point inputs that are but added to attention's scores,
and those that do nothing but multiply what layers made (a graph's adjacency, a mask, a scale).
"""

from __future__ import annotations

from heapq import heappop, heappush

from plusone.graph.dag import Dag
from plusone.graph.opkinds import ATTEND, MATRIX_PRODUCTS, SCALE, SOFTMAX, TRANSPARENT

_FORM = TRANSPARENT | SCALE
_PRODUCTS = MATRIX_PRODUCTS | (SCALE - {"neg", "rsub"})


def path_sources(dag: Dag) -> list[int]:
    """The sources of `dag` that carry a signal; all of them where none does. Cost: linear."""
    carrying = _read_by_layers(dag)
    kept = [
        s
        for s in dag.sources
        if (not _is_beside(dag, s) if dag.name[s] == "input" else s in carrying)
    ]
    return kept or list(dag.sources)


def _read_by_layers(dag: Dag) -> set[int]:
    """Of what is made from integers alone, what a product with weights reads or is."""
    pending = sorted(s for s in dag.sources if dag.name[s] != "input")
    alone = set(pending)
    plain = {v for v in pending if not dag.weight[v]}
    for v in range(pending[0] if pending else len(dag), len(dag)):
        if dag.parents[v] and plain.issuperset(dag.parents[v]):
            alone.add(v)
            if not dag.weight[v]:
                plain.add(v)
    carrying: set[int] = set()
    for v in sorted(alone, reverse=True):
        if dag.weight[v] or not carrying.isdisjoint(dag.children[v]):
            carrying.add(v)
    return carrying


def _is_beside(dag: Dag, source: int) -> bool:
    return _is_added_to_scores(dag, source) or _only_multiplies(dag, source)


def _only_multiplies(dag: Dag, source: int) -> bool:
    """Whether all that an input decides without another signal and without weights goes into
    products, one of them with what has passed a layer. Cost: that of what it decides alone."""
    own, meets = {source}, False
    queue = sorted(set(dag.children[source]))
    seen = set(queue)
    while queue:
        v = heappop(queue)
        others = [p for p in dag.parents[v] if p not in own]
        if others:
            if dag.weight[v] or dag.name[v] not in _PRODUCTS:
                return False
            meets = meets or any(dag.layers[p] for p in others)
            continue
        if dag.weight[v]:
            return False
        own.add(v)
        for child in dag.children[v]:
            if child not in seen:
                seen.add(child)
                heappush(queue, child)
    return meets and own.isdisjoint(dag.sinks)


def _is_added_to_scores(dag: Dag, source: int) -> bool:
    """Whether an input goes, by its form and scale alone, into scores and nowhere else."""
    pending, seen = [source], {source}
    while pending:
        v = pending.pop()
        if not dag.children[v] or v in dag.sinks:
            return False
        for child in dag.children[v]:
            is_score = dag.name[child] in ATTEND and v not in dag.parents[child][:3]
            if is_score or (dag.name[child] == "add" and _is_squashed(dag, child)):
                continue
            if dag.name[child] not in _FORM or len(set(dag.parents[child])) > 1:
                return False
            if child not in seen:
                seen.add(child)
                pending.append(child)
    return True


def _is_squashed(dag: Dag, node: int) -> bool:
    """Whether a softmax is all that reads `node`."""
    while len(dag.children[node]) == 1 and dag.name[dag.children[node][0]] in _FORM:
        node = dag.children[node][0]
    return bool(dag.children[node]) and all(dag.name[c] in SOFTMAX for c in dag.children[node])
