"""From an arm of a join up to where its skip begins: the entry of the block.

Two ways up. Along a *chain* nothing but form, scale, gate or normalisation changes the signal;
it ends at the first node from which layers also lead to another arm. A *climb* may pass a few
layers, and ends where the other arm's way is longer and nonlinear: a projection.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from plusone.graph.ancestry import Ancestry
from plusone.graph.arms import Arm, is_step_of_loop
from plusone.graph.dag import Dag
from plusone.graph.opkinds import (
    ADD,
    CONCAT,
    GATHERING,
    MIXING,
    NORM,
    PARTS,
    POOLING,
    RESHAPING,
    SCALE,
    TRANSPARENT,
)
from plusone.records import Kind

_CHAIN_LIMIT = 64
_CROP_LIMIT = 8
# A linear shortcut of a separable convolution has two layers (GhostNet); three is generous.
_LINEAR_LAYERS = 3
# Through an activation a shortcut may have one layer (pre-activation projections), around a
# branch of at least one more.
_EXTRA_LAYERS = 1
# A shortcut on the way to a concatenation may hold layers of its own if the branch has at least
# eight, and four times as many: a U-Net with blocks on its skips (UNETR: 7 against some 45)
# against Inception's parallel convolutions (1 against 5).
_LONG, _LONGER = 8, 4
_LINEAR = TRANSPARENT | SCALE | RESHAPING | MIXING | NORM | GATHERING
_PARTWISE = TRANSPARENT | POOLING


class Chain(NamedTuple):
    """The way up so far: the node reached, and what the signal met."""

    node: int
    is_scaled: bool = False
    gate: int | None = None
    is_reshaped: bool = False
    is_sliced: bool = False

    @property
    def kind(self) -> Kind:
        """The kind of a sum's skip that came this way."""
        if self.gate is not None:
            return "gated"
        if self.is_reshaped:
            return "projection"
        return "scaled" if self.is_scaled else "identity"


def branches_from(ancestry: Ancestry, entry: int, others: tuple[Arm, ...]) -> tuple[Arm, ...]:
    """The other arms to which layers or mixing lead from `entry`."""
    return tuple(
        a
        for a in others
        if a.node != entry
        and ancestry.is_ancestor(entry, a.node)
        and ancestry.num_mixing(entry, a.node) > 0
    )


def has_layers(ancestry: Ancestry, entry: int, branches: tuple[Arm, ...]) -> bool:
    """Whether a product with weights lies on one of the branches."""
    return any(ancestry.num_layers(entry, b.node) > 0 for b in branches)


def entry_by_chain(
    dag: Dag, ancestry: Ancestry, arm: Arm, others: tuple[Arm, ...], *, join: int
) -> Chain | None:
    """The nearest node up the chain of `arm` that leads to another arm through layers."""
    gate = join if arm.is_gated else None
    is_scaled = arm.is_scaled or abs(arm.factor) != 1.0
    pending = [Chain(arm.node, is_scaled, gate)]
    for _ in range(_CHAIN_LIMIT):
        if not pending:
            return None
        chain = pending.pop(0)
        branches = branches_from(ancestry, chain.node, others)
        if branches and not (chain.is_sliced and (chain.gate or is_step_of_loop(dag, branches))):
            return chain
        pending.extend(_up(dag, ancestry, chain, join))
    return None


def _up(dag: Dag, ancestry: Ancestry, chain: Chain, join: int) -> list[Chain]:
    node, passes_norms = chain.node, dag.name[join] == "add"
    name, parents = dag.name[node], list(dict.fromkeys(dag.parents[node]))
    if not parents or (dag.partial[node] and len(parents) > 1):
        return []  # a part is written over; with one parent, it is the first part of a new buffer
    if len(parents) == 1:
        above = chain._replace(node=parents[0])
        if name in TRANSPARENT:
            # A part that is gated is a step of a scan over time, no highway.
            return [above._replace(is_sliced=chain.is_sliced or name in PARTS)]
        if name in SCALE:
            return [above._replace(is_scaled=chain.is_scaled or name != "neg")]
        if name in RESHAPING:
            is_kept = name not in POOLING and _has_size_again(dag, join, parents[0])
            return [above._replace(is_reshaped=chain.is_reshaped or not is_kept)]
        if name in NORM and passes_norms:
            return [above._replace(is_scaled=True)]
        return []
    if name in CONCAT:
        found = _put_together(dag, node)
        return [] if found is None else [chain._replace(node=found[0], is_reshaped=found[1])]
    if name == "mul" and len(parents) == 2 and not chain.is_sliced:
        low, high = sorted(parents)
        if ancestry.is_ancestor(low, high) and not ancestry.num_mixing(low, high):
            # x * r(x) without layers in r: a normalisation written out.
            return [chain._replace(node=low, is_scaled=True)] if passes_norms else []
        gate = node if chain.gate is None else chain.gate
        whole = [
            p
            for p, out in zip(dag.parents[node], dag.outs[node], strict=True)
            if dag.shape_of(p, out) == dag.shape[node]  # a gate that is spread out is no signal
        ]
        return [chain._replace(node=p, gate=gate) for p in dict.fromkeys(whole)]
    return []


def _put_together(dag: Dag, node: int) -> tuple[int, bool] | None:
    """The one tensor that a concatenation puts together again from its parts, and if pooled.

    Vision transformers pool the patches, but not the class token, on a shortcut.
    """
    source, is_pooled = -1, False
    for parent in dag.parents[node]:
        for _ in range(_CROP_LIMIT):
            name = dag.name[parent]
            if len(set(dag.parents[parent])) != 1 or name not in _PARTWISE:
                break
            is_pooled = is_pooled or name in POOLING
            parent = dag.parents[parent][0]
            if name in PARTS or name in ("split", "split_with_sizes", "chunk"):
                break
        if source not in (-1, parent):
            return None
        source = parent
    return source, is_pooled


def _has_size_again(dag: Dag, join: int, node: int) -> bool:
    """Whether what was padded at `node` is cut off again (the blocks of a scan over time)."""
    size = math.prod(dag.shape[node])
    for _ in range(_CROP_LIMIT):
        if math.prod(dag.shape[join]) == size:
            return True
        children = dag.children[join]
        if len(children) != 1 or dag.name[children[0]] not in TRANSPARENT:
            return False
        join = children[0]
    return False


def projection_entry(
    dag: Dag, ancestry: Ancestry, arm: Arm, others: tuple[Arm, ...]
) -> tuple[int, tuple[Arm, ...]] | None:
    """Where a shortcut with layers of its own begins, and the branches that it goes around.

    A linear shortcut (convolution, norm, pooling) needs a nonlinear branch with no fewer layers;
    one that starts with an activation needs a branch that is longer by a layer.
    """
    below = arm.node
    for entry, short, is_linear, is_sliced in _climb(dag, arm.node):
        # An arm that the way up has already met shares the layers passed since.
        others = tuple(a for a in others if not ancestry.is_ancestor(below, a.node))
        below = entry
        least = max(short, 1) if is_linear else short + _EXTRA_LAYERS
        branches = tuple(
            a
            for a in branches_from(ancestry, entry, others)
            if ancestry.num_layers(entry, a.node) >= least
            and not _is_linear(dag, ancestry, entry, a.node)
        )
        if branches and not (is_sliced and is_step_of_loop(dag, branches)):
            return entry, branches
    return None


def long_concat_entry(
    dag: Dag, ancestry: Ancestry, arm: Arm, others: tuple[Arm, ...]
) -> tuple[int, tuple[Arm, ...]] | None:
    """The same for a concatenation: a shortcut with layers, around a branch much longer.

    The entry is the nearest dominator of the shortcut from which another arm is reached.
    """
    entry = ancestry.idom(arm.node)
    for _ in range(_CHAIN_LIMIT):
        if entry < 0:
            return None
        reached = [a for a in others if ancestry.is_ancestor(entry, a.node)]
        if reached:
            least = max(_LONG, _LONGER * ancestry.num_layers(entry, arm.node))
            found = [a for a in reached if ancestry.num_layers(entry, a.node) >= least]
            return (entry, tuple(found)) if found else None
        entry = ancestry.idom(entry)
    return None


def _climb(dag: Dag, node: int) -> Iterator[tuple[int, int, bool, bool]]:
    """The nodes above `node` along single parents: layers passed, if all linear, if a part."""
    layers, is_linear, is_sliced = 0, True, False
    while True:
        name, parents = dag.name[node], set(dag.parents[node])
        if layers and name in PARTS:
            return  # a step of a sequence, of which later steps also come
        layers += dag.weight[node]
        is_linear = is_linear and name in _LINEAR
        if len(parents) != 1 or layers > (_LINEAR_LAYERS if is_linear else 1):
            return
        is_sliced = is_sliced or name in PARTS
        node = parents.pop()
        yield node, layers, is_linear, is_sliced


def _is_linear(dag: Dag, ancestry: Ancestry, entry: int, node: int) -> bool:
    allowed = _LINEAR | ADD
    return all(dag.name[v] in allowed for v in ancestry.region(entry, node))
