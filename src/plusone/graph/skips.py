"""Which joins of the activation graph are residual, and what their skips are.

A join adds, concatenates or multiplies signals. Its skip is a parent that comes from an *entry*
without a layer in between, where another parent comes from the same entry through layers (the
branch). Three ways to find the entry, tried in this order (`climb.py`):

1. the parent, followed upwards through operations that only change its form, scale or gate it,
   meets an ancestor of another parent: identity, scaled or gated skip;
2. for sums, a node that reaches one parent through a few linear layers at most and another
   through more layers and a nonlinearity: projection skip;
3. for concatenations, the same with any short path and a branch that is much longer.

A join without a layer on any branch is the inside of an activation, a normalisation or a position
encoding (GELU's tanh form, rotary embeddings), and no skip.
"""

from __future__ import annotations

from dataclasses import dataclass

from plusone.graph.ancestry import Ancestry
from plusone.graph.arms import (
    Arm,
    Concatenations,
    is_inner_sum,
    is_loop_over_time,
    is_union_of_positions,
    plain_arms,
    summands,
    without_noise,
)
from plusone.graph.climb import (
    Chain,
    branches_from,
    entry_by_chain,
    has_layers,
    long_concat_entry,
    projection_entry,
)
from plusone.graph.dag import Dag
from plusone.graph.opkinds import ADD, ADD_AT, CHOICE, CONCAT, PARTS, TRANSPARENT
from plusone.graph.weights import becomes_weights
from plusone.records import Kind

_SPLITS = PARTS | frozenset(["split", "split_with_sizes", "chunk"])


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


def find_joins(dag: Dag, ancestry: Ancestry) -> list[Join]:
    """All joins with their skips, in the order of execution."""
    found: list[Join] = []
    cats = Concatenations(dag)
    for node in range(len(dag)):
        name = dag.name[node]
        if name in ADD or (name in ADD_AT and len(dag.parents[node]) > 1):
            if is_inner_sum(dag, node):
                continue
            arms = without_noise(dag, summands(dag, node))
            skips = _sum_skips(dag, ancestry, node, arms)
        elif name in CHOICE:
            arms = [arm._replace(is_gated=True) for arm in plain_arms(dag, node)]
            skips = _choice_skips(dag, ancestry, node, arms)
        elif name in CONCAT or dag.partial[node]:
            arms = cats.arms(node)
            skips = _concat_skips(dag, ancestry, node, arms)
        elif name == "mul":
            arms = plain_arms(dag, node)
            skips = _gate_skips(dag, ancestry, node, arms)
        else:
            continue
        if skips:
            found.append(Join(node=node, arms=tuple(arms), skips=tuple(skips)))
    used = {skip.gate for join in found for skip in join.skips if not skip.is_product}
    return [j for j in found if not (j.skips[0].is_product and j.node in used)]


def _sum_skips(dag: Dag, ancestry: Ancestry, join: int, arms: list[Arm]) -> list[SkipEdge]:
    skips = []
    for arm in arms:
        if not _fills(dag, arm, join):
            continue
        others = tuple(a for a in arms if a.node != arm.node)
        chain = entry_by_chain(dag, ancestry, arm, others, join=join)
        if chain is None:
            continue
        branches = branches_from(ancestry, chain.node, others)
        if dag.name[join] == "sub" and not has_layers(ancestry, chain.node, branches):
            continue  # x - pool(x) is a filter, no residual block
        skips.append(_edge(ancestry, chain.kind, chain, join, arm, branches))
    skips = [] if becomes_weights(dag, join) else _first_of_two(arms, skips)
    return skips + _projections(dag, ancestry, join, arms, beside=skips)


def _fills(dag: Dag, arm: Arm, join: int) -> bool:
    """Whether the arm has the sum's shape: what is spread over positions (a shift) is no skip."""
    return dag.shape_of(arm.node, arm.out) == dag.shape[join]


def _first_of_two(arms: list[Arm], skips: list[SkipEdge]) -> list[SkipEdge]:
    """Where each of two arms goes around the other, the one that leaves first is the skip.

    An attention gate makes the encoder's features from those of the decoder, too, and both are
    concatenated: the skip is the encoder's.
    """
    if len(arms) == 2 and len(skips) == 2:
        return [min(skips, key=lambda skip: skip.entry)]
    return skips


def _projections(
    dag: Dag, ancestry: Ancestry, join: int, arms: list[Arm], *, beside: list[SkipEdge]
) -> list[SkipEdge]:
    """The shortcut with layers of its own, if there is one; beside others it must leave earlier."""
    if becomes_weights(dag, join, most_layers=1):
        return []
    taken = {skip.arm for skip in beside}
    first = min([skip.entry for skip in beside], default=join)
    for arm in arms:
        if arm in taken or not _fills(dag, arm, join):
            continue
        others = tuple(a for a in arms if a.node != arm.node)
        found = projection_entry(dag, ancestry, arm, others)
        if found is not None and found[0] < first:
            entry, branches = found
            return [_edge(ancestry, "projection", Chain(entry), join, arm, branches)]
    return []


def _choice_skips(dag: Dag, ancestry: Ancestry, join: int, arms: list[Arm]) -> list[SkipEdge]:
    """where(mask, x, F(x)): the tokens that a layer leaves out go around it."""
    if len(arms) != 2:
        return []
    return [
        skip
        for skip in _sum_skips(dag, ancestry, join, arms)
        if skip.kind == "gated" and has_layers(ancestry, skip.entry, skip.branches)
    ]


def _concat_skips(dag: Dag, ancestry: Ancestry, join: int, arms: list[Arm]) -> list[SkipEdge]:
    if len(arms) < 2 or is_loop_over_time(dag, arms) or is_union_of_positions(dag, join):
        return []
    skips = []
    for arm in arms:
        others = tuple(a for a in arms if a.node != arm.node)
        chain = entry_by_chain(dag, ancestry, arm, others, join=join)
        if chain is not None:
            branches = branches_from(ancestry, chain.node, others)
            if has_layers(ancestry, chain.node, branches):
                skips.append(_edge(ancestry, "concat", chain, join, arm, branches))
                continue
        found = long_concat_entry(dag, ancestry, arm, others)
        if found is not None:
            entry, branches = found
            skips.append(_edge(ancestry, "concat", Chain(entry), join, arm, branches))
    return [] if becomes_weights(dag, join, as_key=True) else _first_of_two(arms, skips)


def _gate_skips(dag: Dag, ancestry: Ancestry, join: int, arms: list[Arm]) -> list[SkipEdge]:
    """Products of a signal with a gate that layers make of it (squeeze-and-excitation)."""
    if len({a.node for a in arms}) != 2:
        return []
    for arm, other in (arms, arms[::-1]):
        if not _fills(dag, arm, join):
            continue
        node = _through(dag, arm.node, TRANSPARENT - _SPLITS)
        if not ancestry.is_ancestor(node, other.node) or node == other.node:
            continue
        if ancestry.num_layers(node, other.node) > 0:
            chain = Chain(node, gate=join)
            edge = _edge(ancestry, "gated", chain, join, arm, (other,), is_product=True)
            return [edge]
    return []


def _edge(
    ancestry: Ancestry,
    kind: Kind,
    chain: Chain,
    join: int,
    arm: Arm,
    branches: tuple[Arm, ...],
    *,
    is_product: bool = False,
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
        is_product=is_product,
    )


def _through(dag: Dag, node: int, names: frozenset[str]) -> int:
    while dag.name[node] in names and len(dag.parents[node]) == 1 and not dag.partial[node]:
        node = dag.parents[node][0]
    return node
