"""Blocks: what lies between a join's entry and the join, and the plain layers elsewhere.

A residual block is *simple* when no other join lies on its branch; its layers are its own. On the
branch of a composite block (the outer skip of a U-Net) the layers belong to the blocks inside, or
to plain blocks. Plain blocks are weighted layers that no residual block holds, one for each
repeated container (`layers.7`, the deepest one whose name ends in a number), else one a layer.
They lie end to end: a norm or an activation belongs to the layer before it, and one behind a join
to the plain block that begins there, or to none where a skip leaves behind it.
Which of them are the stem and the head, and so no blocks, `ends.py` says.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from plusone.capture.trace import Call
from plusone.graph.ancestry import Ancestry
from plusone.graph.arms import Arm
from plusone.graph.dag import Dag
from plusone.graph.skips import Join, SkipEdge

# Operations of a norm and an activation that are written out: GELU by its series takes nine.
_MOST_WRITTEN_OUT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One block in terms of nodes of the activation graph.

    `entry` is the node whose value enters, `output` the node whose value leaves (the join of a
    residual block), `arms` the arms of the join that are branches, `skip` its main skip. `nodes`
    are the nodes inside, known for simple and plain blocks. `layers` counts weighted layers.
    """

    kind: Literal["residual", "plain"]
    entry: int
    output: int
    layers: int
    is_composite: bool = False
    join: Join | None = None
    skip: SkipEdge | None = None
    arms: tuple[Arm, ...] = ()
    nodes: frozenset[int] = frozenset()
    call: int = 0


def find_blocks(
    dag: Dag, ancestry: Ancestry, joins: list[Join], calls: tuple[Call, ...]
) -> list[Segment]:
    """All blocks, stem and head among them, in the order in which they end."""
    real = [j for j in joins if not j.skips[0].is_product]
    nodes = {j.node for j in real}
    residual = [_residual(dag, ancestry, j, nodes) for j in real]
    covered = {v for block in residual for v in block.nodes}
    covered |= _side_layers(dag, residual, calls)
    plain = _plain_blocks(dag, ancestry, calls, covered, nodes)
    return sorted([*residual, *plain], key=lambda block: block.output)


def _residual(dag: Dag, ancestry: Ancestry, join: Join, joins: set[int]) -> Segment:
    skip = max(join.skips, key=lambda s: s.entry)
    returned = {s.arm for s in join.skips}
    arms = tuple(a for a in join.arms if a not in returned) or skip.branches
    inside: set[int] = set()
    is_composite = False
    for arm in (*arms, skip.arm):
        region = _local_region(dag, ancestry, skip.entry, arm.node, joins - {join.node})
        if region is None:
            is_composite = True
            break
        inside |= region
    return Segment(
        kind="residual",
        entry=skip.entry,
        output=join.node,
        layers=0 if is_composite else sum(dag.weight[v] for v in inside),
        is_composite=is_composite,
        join=join,
        skip=skip,
        arms=arms,
        nodes=frozenset() if is_composite else frozenset(inside),
        call=dag.call[join.node],
    )


def _local_region(
    dag: Dag, ancestry: Ancestry, entry: int, end: int, joins: set[int]
) -> set[int] | None:
    """The nodes from `entry` to `end`, or None as soon as another join is met among them."""
    seen: set[int] = set()
    stack = [end] if end > entry else []
    while stack:
        v = stack.pop()
        if v in seen:
            continue
        if not ancestry.is_ancestor(entry, v):
            continue
        if v in joins:
            return None
        seen.add(v)
        stack.extend(p for p in dag.parents[v] if p > entry)
    return seen


def _side_layers(dag: Dag, residual: list[Segment], calls: tuple[Call, ...]) -> set[int]:
    """Layers of a block's own module that work on another input: cross-attention's keys."""
    owner = {v: calls[b.call].path for b in residual for v in b.nodes}
    side: set[int] = set()
    for v in range(len(dag) - 1, -1, -1):
        children = dag.children[v]
        if v in owner or not children or not all(c in owner for c in children):
            continue
        path = owner[children[0]]
        if path and dag.path[v].startswith(f"{path}."):
            owner[v] = path
            side.add(v)
    return side


def _plain_blocks(
    dag: Dag, ancestry: Ancestry, calls: tuple[Call, ...], covered: set[int], joins: set[int]
) -> list[Segment]:
    order = sorted(joins)
    groups: list[tuple[int, list[int]]] = []
    for v in range(len(dag)):
        if not dag.weight[v] or not dag.parents[v] or v in covered:
            continue
        owner = block_call(calls, dag.call[v])
        is_inside = owner != dag.call[v] and bool(groups) and groups[-1][0] == owner
        if is_inside and not _is_joined_between(ancestry, order, groups[-1][1][-1], v):
            groups[-1][1].append(v)
        else:
            groups.append((owner, [v]))
    plain: list[Segment] = []
    ends = set(joins)
    for owner, weighted in groups:
        plain.append(_plain(dag, owner, weighted, ends))
        ends.add(plain[-1].output)
    return plain


def _is_joined_between(ancestry: Ancestry, joins: list[int], before: int, after: int) -> bool:
    """Whether a skip returns on the way from one layer to the next."""
    between = joins[bisect_right(joins, before) : bisect_left(joins, after)]
    return any(ancestry.is_ancestor(before, j) and ancestry.is_ancestor(j, after) for j in between)


def _plain(dag: Dag, owner: int, weighted: list[int], ends: set[int]) -> Segment:
    """The layers with what stands before them, from the end of another block, and behind them."""
    entry = max(dag.parents[weighted[0]])
    while (
        entry not in ends
        and not dag.mixes[entry]
        and len(set(dag.parents[entry])) == 1
        and len(dag.children[entry]) == 1
    ):
        entry = dag.parents[entry][0]
    return Segment(
        kind="plain",
        entry=entry,
        output=_last_behind(dag, weighted[-1], ends),
        layers=len(weighted),
        nodes=frozenset(weighted),
        call=owner,
    )


def _last_behind(dag: Dag, layer: int, ends: set[int]) -> int:
    """The last value that `layer` alone decides: behind its norm and its activation.

    Also where these are written out (x * sigmoid(x)): ways that part must meet again before
    another layer or join.
    """
    seen, open_, last = {layer}, set(dag.children[layer]), layer
    while open_ and len(seen) <= _MOST_WRITTEN_OUT:
        v = min(open_)
        if v in ends or dag.mixes[v] or not seen.issuperset(dag.parents[v]):
            break
        open_.remove(v)
        if not open_:
            last = v
        seen.add(v)
        open_.update(dag.children[v])
    return last


def block_call(calls: tuple[Call, ...], call: int) -> int:
    """The call of the deepest repeated container around `call`, or `call` itself."""
    outer = calls[call].parent
    while outer > 0:
        if calls[outer].path[-1:].isdigit() and calls[outer].path != calls[call].path:
            return outer
        outer = calls[outer].parent
    return call


def shared_path(paths: Iterable[str]) -> str:
    """The longest module path that all `paths` begin with."""
    split = [p.split(".") for p in paths]
    if not split:
        return ""
    common = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return ".".join(common)
