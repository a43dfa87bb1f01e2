"""Whether a join makes signal, or nothing but the weights that other signals are multiplied by."""

from __future__ import annotations

from plusone.graph.dag import Dag
from plusone.graph.opkinds import ATTEND, SOFTMAX

_LIMIT = 24
_SQUASHING = frozenset(["sigmoid", "hardsigmoid", *SOFTMAX])
_PRODUCTS = frozenset(["mul", "bmm", "mm", "matmul", "baddbmm"])


def becomes_weights(dag: Dag, join: int, *, most_layers: int = 0, as_key: bool = False) -> bool:
    """Whether the result of `join` goes into attention's scores or a gate, and nowhere else.

    tanh(W a + U b) of additive attention, a bias added to the scores: what is joined there
    decides how much of other signals passes, and carries none itself. Up to `most_layers` layers
    may follow before the softmax or sigmoid; with `as_key` the product of queries and keys too.
    """
    node, is_squashed, has_met_query, layers = join, False, False, 0
    for _ in range(_LIMIT):
        children = dag.children[node]
        if len(children) != 1 or layers > most_layers:
            return False
        before, node = node, children[0]
        layers += dag.weight[node]
        name, is_met = dag.name[node], len(set(dag.parents[node])) > 1
        if name in ATTEND:
            return as_key and dag.parents[node][2:3] != [before]  # query or key, and not value
        if name in _SQUASHING:
            is_squashed = True
        elif is_met and name in _PRODUCTS:
            if is_squashed:
                return True
            if has_met_query or not as_key or name == "mul":
                return False
            has_met_query = True
        elif is_met and not has_met_query:
            return False
    return False
