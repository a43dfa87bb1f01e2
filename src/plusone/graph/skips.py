"""Which joins of the activation graph are residual, and what their skips are.

A join adds, concatenates or multiplies signals. Its skip is a parent that comes from an *entry*
without a layer in between, where another parent comes from the same entry through layers (the
branch). Three ways to find the entry, tried in this order:

1. the parent, followed upwards through operations that only change its form, scale or gate it,
   meets an ancestor of another parent: identity, scaled or gated skip;
2. for sums, a node that reaches one parent through at most one linear layer and another through
   more layers and a nonlinearity: projection skip;
3. for concatenations, the same with any short path and a branch that is much longer.

A join without a layer on any branch is the inside of an activation, a normalisation or a position
encoding (GELU's tanh form, rotary embeddings), and no skip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from plusone.graph.ancestry import Ancestry
from plusone.graph.dag import Dag
from plusone.graph.opkinds import ADD, CONCAT, MIXING, NORM, RESHAPING, SCALE, TRANSPARENT
from plusone.records import Kind

# A shortcut on the way to a concatenation may hold layers of its own if the branch is at least
# this many times longer: DeepLab's low-level features (1 against some 50) against Inception's
# parallel convolutions (1 against 5).
_LONGER = 8
_CHAIN_LIMIT = 64
_PARTS = frozenset(["select", "slice", "unbind", "narrow", "index_select"])
_SPLITS = _PARTS | frozenset(["split", "split_with_sizes", "chunk"])


class Arm(NamedTuple):
    """A parent of a join: its node, the output number read, and the way it came."""

    node: int
    out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipEdge:
    """One skip: from node `entry` into node `join` by parent `arm`, around `branches`.

    `gate` is the product that gates the skip, where there is one.
    """

    kind: Kind
    entry: int
    join: int
    arm: Arm
    branches: tuple[Arm, ...]
    span: int
    gate: int | None = None
    is_product: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """A node where at least one skip returns: all its arms, and the skips among them."""

    node: int
    arms: tuple[Arm, ...]
    skips: tuple[SkipEdge, ...]


class _Chain(NamedTuple):
    node: int
    scaled: bool
    gate: int | None
    reshaped: bool
    sliced: bool = False


def find_joins(dag: Dag, ancestry: Ancestry) -> list[Join]:
    """All joins with their skips, in the order of execution."""
    found: list[Join] = []
    inner = _inner_sums(dag)
    cats = _Concatenations(dag)
    for node in range(len(dag)):
        name = dag.name[node]
        if name in ADD and node not in inner:
            arms = summands(dag, node)
            skips = _sum_skips(dag, ancestry, node, arms)
        elif name in CONCAT or dag.partial[node]:
            arms = cats.arms(node)
            skips = _concat_skips(dag, ancestry, node, arms)
        elif name == "mul":
            arms = _arms(dag, node)
            skips = _gate_skips(dag, ancestry, node, arms)
        else:
            continue
        if skips:
            found.append(Join(node=node, arms=tuple(arms), skips=tuple(skips)))
    used = {skip.gate for join in found for skip in join.skips if not skip.is_product}
    return [j for j in found if not (j.skips[0].is_product and j.node in used)]


def _arms(dag: Dag, node: int) -> list[Arm]:
    pairs = zip(dag.parents[node], dag.outs[node], strict=True)
    return list(dict.fromkeys(Arm(p, o) for p, o in pairs))


def summands(dag: Dag, join: int) -> list[Arm]:
    """The terms of a sum, with sums that are read by this one alone written out."""
    arms: list[Arm] = []
    for parent, out in zip(dag.parents[join], dag.outs[join], strict=True):
        if dag.name[parent] in ADD and dag.children[parent] == [join] and dag.parents[parent]:
            arms.extend(summands(dag, parent))
        else:
            arms.append(Arm(parent, out))
    return list(dict.fromkeys(arms))


def _inner_sums(dag: Dag) -> set[int]:
    return {
        v
        for v in range(len(dag))
        if dag.name[v] in ADD
        and len(dag.children[v]) == 1
        and dag.name[dag.children[v][0]] in ADD
        and v not in dag.sinks
    }


class _Concatenations:
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


def _sum_skips(dag: Dag, ancestry: Ancestry, join: int, arms: list[Arm]) -> list[SkipEdge]:
    skips = []
    for arm in arms:
        others = tuple(a for a in arms if a.node != arm.node)
        chain = _entry_by_chain(dag, ancestry, arm, others)
        if chain is None:
            continue
        branches = _branches(ancestry, chain.node, others)
        if dag.name[join] == "sub" and not _has_layers(ancestry, chain.node, branches):
            continue  # x - pool(x) is a filter, no residual block
        kind: Kind = "identity"
        if chain.gate is not None:
            kind = "gated"
        elif chain.scaled:
            kind = "scaled"
        elif chain.reshaped:
            kind = "projection"
        skips.append(_edge(ancestry, kind, chain, join, arm, branches))
    if not skips:
        projected = _projection(dag, ancestry, join, arms)
        return [projected] if projected is not None else []
    return skips


def _concat_skips(dag: Dag, ancestry: Ancestry, join: int, arms: list[Arm]) -> list[SkipEdge]:
    if len(arms) < 2 or _is_sequence(dag, arms):
        return []
    skips = []
    for arm in arms:
        others = tuple(a for a in arms if a.node != arm.node)
        chain = _entry_by_chain(dag, ancestry, arm, others)
        if chain is None:
            continue
        branches = _branches(ancestry, chain.node, others)
        if _has_layers(ancestry, chain.node, branches):
            skips.append(_edge(ancestry, "concat", chain, join, arm, branches))
    if not skips:
        long = _long_concat(dag, ancestry, join, arms)
        return [long] if long is not None else []
    return skips


def _is_sequence(dag: Dag, arms: list[Arm]) -> bool:
    """Whether the arms are the results of one module's repeated calls: a loop over time."""
    first = arms[0].node
    calls = {dag.call[a.node] for a in arms}
    same = all(
        dag.name[a.node] == dag.name[first] and dag.path[a.node] == dag.path[first] for a in arms
    )
    return same and dag.path[first] != "" and len(calls) == len(arms)


def _gate_skips(dag: Dag, ancestry: Ancestry, join: int, arms: list[Arm]) -> list[SkipEdge]:
    """Products of a signal with a gate that layers make of it (squeeze-and-excitation)."""
    if len({a.node for a in arms}) != 2:
        return []
    for arm, other in (arms, arms[::-1]):
        if dag.shape[arm.node] != dag.shape[join]:
            continue  # a signal that is spread over new positions is no skip
        node = _through(dag, arm.node, TRANSPARENT - _SPLITS)
        if not ancestry.is_ancestor(node, other.node) or node == other.node:
            continue
        if ancestry.num_layers(node, other.node) > 0:
            chain = _Chain(node, False, join, False)
            edge = _edge(ancestry, "gated", chain, join, arm, (other,))
            return [
                SkipEdge(
                    kind="gated",
                    entry=edge.entry,
                    join=join,
                    arm=arm,
                    branches=(other,),
                    span=edge.span,
                    gate=join,
                    is_product=True,
                )
            ]
    return []


def _edge(
    ancestry: Ancestry,
    kind: Kind,
    chain: _Chain,
    join: int,
    arm: Arm,
    branches: tuple[Arm, ...],
) -> SkipEdge:
    span = max(ancestry.num_layers(chain.node, b.node) for b in branches)
    return SkipEdge(
        kind=kind,
        entry=chain.node,
        join=join,
        arm=arm,
        branches=branches,
        span=span,
        gate=chain.gate,
    )


def _through(dag: Dag, node: int, names: frozenset[str]) -> int:
    while dag.name[node] in names and len(dag.parents[node]) == 1 and not dag.partial[node]:
        node = dag.parents[node][0]
    return node


def _branches(ancestry: Ancestry, entry: int, others: tuple[Arm, ...]) -> tuple[Arm, ...]:
    return tuple(
        a
        for a in others
        if a.node != entry
        and ancestry.is_ancestor(entry, a.node)
        and ancestry.num_mixing(entry, a.node) > 0
    )


def _has_layers(ancestry: Ancestry, entry: int, branches: tuple[Arm, ...]) -> bool:
    return any(ancestry.num_layers(entry, b.node) > 0 for b in branches)


def _entry_by_chain(
    dag: Dag, ancestry: Ancestry, arm: Arm, others: tuple[Arm, ...]
) -> _Chain | None:
    """The nearest node up the chain of `arm` that leads to another arm through layers."""
    pending = [_Chain(arm.node, False, None, False)]
    for _ in range(_CHAIN_LIMIT):
        if not pending:
            return None
        chain = pending.pop(0)
        if _branches(ancestry, chain.node, others) and not (chain.sliced and chain.gate):
            return chain
        pending.extend(_up(dag, chain))
    return None


def _up(dag: Dag, chain: _Chain) -> list[_Chain]:
    node = chain.node
    name, parents = dag.name[node], list(dict.fromkeys(dag.parents[node]))
    if not parents or dag.partial[node]:
        return []
    if name in TRANSPARENT and len(parents) == 1:
        # A part that is gated is a step of a scan over time, no highway.
        sliced = chain.sliced or name in _PARTS
        return [chain._replace(node=parents[0], sliced=sliced)]
    if name in SCALE and len(parents) == 1:
        return [chain._replace(node=parents[0], scaled=chain.scaled or name != "neg")]
    if name in RESHAPING and len(parents) == 1:
        return [chain._replace(node=parents[0], reshaped=True)]
    if name == "mul" and len(parents) == 2 and not chain.sliced:
        gate = node if chain.gate is None else chain.gate
        return [chain._replace(node=p, gate=gate) for p in parents]
    return []


def _projection(dag: Dag, ancestry: Ancestry, join: int, arms: list[Arm]) -> SkipEdge | None:
    """The skip whose arm is one linear layer away from where the nonlinear branch begins."""
    for arm in arms:
        others = tuple(a for a in arms if a.node != arm.node)
        for entry, short in _linear_climb(dag, arm.node):
            branches = tuple(
                a
                for a in _branches(ancestry, entry, others)
                if ancestry.num_layers(entry, a.node) > short
                and not _is_linear(dag, ancestry, entry, a.node)
            )
            if branches:
                chain = _Chain(entry, False, None, True)
                return _edge(ancestry, "projection", chain, join, arm, branches)
    return None


def _long_concat(dag: Dag, ancestry: Ancestry, join: int, arms: list[Arm]) -> SkipEdge | None:
    """The skip whose arm has a layer of its own, around a branch that is much longer."""
    for arm in arms:
        others = tuple(a for a in arms if a.node != arm.node)
        for entry, short in _climb(dag, arm.node, None):
            branches = tuple(
                a
                for a in _branches(ancestry, entry, others)
                if ancestry.num_layers(entry, a.node) >= _LONGER * max(short, 1)
            )
            if branches:
                chain = _Chain(entry, False, None, True)
                return _edge(ancestry, "concat", chain, join, arm, branches)
    return None


_LINEAR = TRANSPARENT | SCALE | RESHAPING | MIXING | NORM


def _linear_climb(dag: Dag, node: int) -> Iterator[tuple[int, int]]:
    return _climb(dag, node, _LINEAR)


def _climb(dag: Dag, node: int, allowed: frozenset[str] | None) -> Iterator[tuple[int, int]]:
    """The nodes above `node` along single parents, with the layers passed (one at most)."""
    layers = 0
    while allowed is None or dag.name[node] in allowed:
        parents = set(dag.parents[node])
        layers += dag.weight[node]
        if len(parents) != 1 or layers > 1:
            return
        node = parents.pop()
        yield node, layers


def _is_linear(dag: Dag, ancestry: Ancestry, entry: int, node: int) -> bool:
    allowed = _LINEAR | ADD
    return all(dag.name[v] in allowed for v in ancestry.region(entry, node))
