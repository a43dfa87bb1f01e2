"""The arms of a join: what a sum adds, what a concatenation lays side by side."""

from __future__ import annotations

from typing import NamedTuple

from plusone.graph.dag import Dag
from plusone.graph.opkinds import ADD_GATED, ATTEND, CONCAT, SCALE, TRANSPARENT

_SEARCH_LIMIT = 64
_FORM = TRANSPARENT | SCALE


class Arm(NamedTuple):
    """A parent of a join: its node, the output number read, and how the join weighs it.

    `factor` is the number that the join multiplies it by; `is_gated` says that it is multiplied
    by another signal there (a product in `addcmul`, a weight in `lerp`, a choice in `where`), and
    `is_scaled` that it is multiplied by a parameter.
    """

    node: int
    out: int
    factor: float = 1.0
    is_gated: bool = False
    is_scaled: bool = False


def plain_arms(dag: Dag, join: int) -> list[Arm]:
    """The parents in order, each once."""
    pairs = zip(dag.parents[join], dag.outs[join], strict=True)
    return list(dict.fromkeys(Arm(p, o) for p, o in pairs))


def summands(dag: Dag, join: int) -> list[Arm]:
    """The terms of a sum, with sums that are read by this one alone written out."""
    name = dag.name[join]
    if name == "lerp":
        return _between(dag, join)
    if name in ADD_GATED:
        return _with_product(dag, join)
    arms: list[Arm] = []
    factors = dag.factors[join] or (1.0,) * len(dag.parents[join])
    for parent, out, factor in zip(dag.parents[join], dag.outs[join], factors, strict=True):
        if is_inner_sum(dag, parent) and dag.children[parent] == [join]:
            inner = summands(dag, parent)
            arms.extend(arm._replace(factor=arm.factor * factor) for arm in inner)
        else:
            arms.append(Arm(parent, out, factor))
    return list(dict.fromkeys(arms))


def without_noise(dag: Dag, arms: list[Arm]) -> list[Arm]:
    """The arms that carry a signal: mu + sigma(x) * noise draws a number, and joins nothing."""
    return [arm for arm in arms if not _is_noise(dag, arm.node)]


def _is_noise(dag: Dag, node: int) -> bool:
    for _ in range(_SEARCH_LIMIT):
        if dag.is_noise[node] or dag.name[node] not in _FORM or len(set(dag.parents[node])) != 1:
            break
        node = dag.parents[node][0]
    return dag.is_noise[node]


def is_inner_sum(dag: Dag, node: int) -> bool:
    """Whether a sum is but a part of the next one: x + a, where it is read by (x + a) + b alone.

    Differences stay by themselves: pool(x) - x is a filter, and no two terms of the outer sum.
    """
    children = dag.children[node]
    return (
        dag.name[node] == "add"
        and bool(dag.parents[node])
        and len(children) == 1
        and dag.name[children[0]] in ("add", "sub")
        and node not in dag.sinks
    )


def _between(dag: Dag, join: int) -> list[Arm]:
    """lerp(a, b, weight): both ends, gated by a weight that is a signal."""
    arms = plain_arms(dag, join)
    factors = dag.factors[join]
    if factors:
        return [arm._replace(factor=f) for arm, f in zip(arms, factors, strict=False)]
    if len(arms) >= 3:
        return [*(arm._replace(is_gated=True) for arm in arms[:2]), *arms[2:]]
    return [arm._replace(is_scaled=True) for arm in arms]


def _with_product(dag: Dag, join: int) -> list[Arm]:
    """addcmul(a, b, c) = a + b * c: the sum's first term, and the two factors of the second."""
    first, *others = plain_arms(dag, join)
    if len(others) == 1:
        return [first, others[0]._replace(is_scaled=True)]
    return [first, *(arm._replace(is_gated=True) for arm in others)]


class Concatenations:
    """Concatenations with the list of an earlier one at their front read the earlier one."""

    def __init__(self, dag: Dag) -> None:
        self._dag = dag
        self._by_first: dict[Arm, list[int]] = {}

    def arms(self, join: int) -> list[Arm]:
        """The arms of `join`, with the longest known front replaced by its concatenation."""
        dag = self._dag
        arms = [Arm(p, o) for p, o in zip(dag.parents[join], dag.outs[join], strict=True)]
        if not arms or dag.partial[join]:
            return arms
        earlier = self._by_first.setdefault(arms[0], [])
        best: int | None = None
        for other in earlier[-2:]:
            size = len(dag.parents[other])
            if size < len(arms) and dag.parents[other] == [a.node for a in arms[:size]]:
                best = other
        earlier.append(join)
        if best is None:
            return list(dict.fromkeys(arms))
        return [Arm(best, 0), *dict.fromkeys(arms[len(dag.parents[best]) :])]


def is_loop_over_time(dag: Dag, arms: list[Arm]) -> bool:
    """Whether the arms are the results of one module's repeated calls with the same weights.

    Layers that share but an activation (the outputs that a graph network concatenates) have
    different weights right above it.
    """
    first = arms[0].node
    if dag.path[first] == "" or len({dag.call[a.node] for a in arms}) < len(arms):
        return False
    weights = _nearest_weights(dag, first)
    return all(
        dag.name[a.node] == dag.name[first]
        and dag.path[a.node] == dag.path[first]
        and _nearest_weights(dag, a.node) == weights
        for a in arms[1:]
    )


def is_step_of_loop(dag: Dag, branches: tuple[Arm, ...]) -> bool:
    """Whether the branches are what the same weights made of earlier parts: a recurrence.

    W x_t + U h and cat(x_t, h) go around nothing: h comes from other parts of x than x_t.
    """
    nearest = set().union(*[_nearest_weights(dag, arm.node) for arm in branches])
    counts = dict.fromkeys(nearest, 0)
    for v in range(len(dag)):
        if dag.weight[v] and (dag.path[v], dag.params[v]) in counts:
            counts[dag.path[v], dag.params[v]] += 1
    return bool(counts) and min(counts.values()) > 1


def _nearest_weights(dag: Dag, node: int) -> set[tuple[str, tuple[int, ...]]]:
    """The weights of `node`, or else of the first weighted operations above it."""
    found: set[tuple[str, tuple[int, ...]]] = set()
    pending, seen = [node], {node}
    while pending and len(seen) < _SEARCH_LIMIT:
        v = pending.pop()
        if dag.weight[v]:
            found.add((dag.path[v], dag.params[v]))
            continue
        fresh = [p for p in dag.parents[v] if p not in seen]
        seen.update(fresh)
        pending.extend(fresh)
    return found


def is_union_of_positions(dag: Dag, join: int) -> bool:
    """Whether a concatenation puts positions behind one another, and not their features.

    A class token before the patches, a batch behind another, keys of the past before those of
    now: nothing goes around anything. Told by the axis: a product with weights that reads the
    result sums over the features, so an axis that it leaves alone holds positions.
    """
    shape, axis = dag.shape[join], dag.axis[join]
    if axis < 0 or len(shape) < 2:
        return False
    reader = _first_product(dag, join)
    if reader is None:
        return axis == 0 and len(shape) == 2
    source, name = reader
    if name in ATTEND or name in ("bmm", "baddbmm"):
        return axis == len(shape) - 2
    if "conv" in name:
        return axis == 0 or axis > 1
    features = dag.shape[source][-1]
    return axis != len(shape) - 1 and features == shape[-1] and features != shape[axis]


def _first_product(dag: Dag, join: int) -> tuple[int, str] | None:
    """The first product below `join`, by what it reads and its name."""
    frontier, seen = [join], {join}
    while frontier and len(seen) < _SEARCH_LIMIT:
        after: list[int] = []
        for v in frontier:
            for child in dag.children[v]:
                name = dag.name[child]
                if dag.weight[child] or name in ATTEND or name in ("bmm", "baddbmm"):
                    return v, name
                if not dag.mixes[child] and dag.name[child] not in CONCAT and child not in seen:
                    seen.add(child)
                    after.append(child)
        frontier = after
    return None
