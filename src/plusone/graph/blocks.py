"""Blocks: what lies between a join's entry and the join, and the plain layers elsewhere.

A residual block is *simple* when no other join lies on its branch; its layers are its own. On the
branch of a composite block (the outer skip of a U-Net) the layers belong to the blocks inside, or
to plain blocks. Plain blocks are weighted layers that no residual block holds, one for each
repeated container (`layers.7`, the deepest one whose name ends in a number), else one a layer.
The stem (before the first skip leaves) and the head (after the last join) are no blocks as long
as they hold at most `STEM_LAYERS` plain blocks each; a plain block whose siblings (`blocks.*`) are
residual belongs to neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from plusone.capture.trace import Call
from plusone.graph.ancestry import Ancestry
from plusone.graph.arms import Arm
from plusone.graph.dag import Dag
from plusone.graph.skips import Join, SkipEdge

# The deepest stem in common use has three convolutions (ResNet-D), the deepest head two linear
# maps behind one another (BERT's pooler and decoder) plus a projection.
STEM_LAYERS = 3


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
    """All blocks in the order in which they end."""
    real = [j for j in joins if not j.skips[0].is_product]
    nodes = {j.node for j in real}
    residual = [_residual(dag, ancestry, j, nodes) for j in real]
    covered = {v for block in residual for v in block.nodes}
    covered |= _side_layers(dag, residual, calls)
    plain = _plain_blocks(dag, calls, covered, nodes)
    plain = _without_stem_and_head(plain, residual, calls)
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
    dag: Dag, calls: tuple[Call, ...], covered: set[int], joins: set[int]
) -> list[Segment]:
    groups: list[tuple[int, list[int]]] = []
    for v in range(len(dag)):
        if not dag.weight[v] or not dag.parents[v] or v in covered:
            continue
        owner = block_call(calls, dag.call[v])
        if groups and groups[-1][0] == owner and owner != dag.call[v]:
            groups[-1][1].append(v)
        else:
            groups.append((owner, [v]))
    return [_plain(dag, owner, weighted, joins) for owner, weighted in groups]


def _plain(dag: Dag, owner: int, weighted: list[int], joins: set[int]) -> Segment:
    entry = max(dag.parents[weighted[0]])
    while (
        entry not in joins
        and not dag.mixes[entry]
        and len(set(dag.parents[entry])) == 1
        and len(dag.children[entry]) == 1
    ):
        entry = dag.parents[entry][0]
    output = weighted[-1]
    while len(dag.children[output]) == 1:
        after = dag.children[output][0]
        if after in joins or dag.mixes[after] or len(set(dag.parents[after])) != 1:
            break
        output = after
    return Segment(
        kind="plain",
        entry=entry,
        output=output,
        layers=len(weighted),
        nodes=frozenset(weighted),
        call=owner,
    )


def block_call(calls: tuple[Call, ...], call: int) -> int:
    """The call of the deepest repeated container around `call`, or `call` itself."""
    outer = calls[call].parent
    while outer > 0:
        if calls[outer].path[-1:].isdigit() and calls[outer].path != calls[call].path:
            return outer
        outer = calls[outer].parent
    return call


def _without_stem_and_head(
    plain: list[Segment], residual: list[Segment], calls: tuple[Call, ...]
) -> list[Segment]:
    if not residual:
        return _without_odd_ends(plain, calls)
    first = min(block.entry for block in residual)
    last = max(block.output for block in residual)
    siblings = {_pattern(calls[b.call].path) for b in residual} - {""}
    outside = [b for b in plain if _pattern(calls[b.call].path) not in siblings]
    stem = [b for b in outside if b.output <= first]
    head = [b for b in outside if b.entry >= last]
    dropped: list[Segment] = []
    for end in (stem, head):
        if len(end) <= STEM_LAYERS:
            dropped.extend(end)
    return [b for b in plain if not any(b is d for d in dropped)]


def _pattern(path: str) -> str:
    """`layers.*.mlp` for `layers.7.mlp`, and nothing for a path without a number."""
    pattern = re.sub(r"\d+", "*", path)
    return pattern if pattern != path else ""


def _without_odd_ends(plain: list[Segment], calls: tuple[Call, ...]) -> list[Segment]:
    """Without skips: all layers but a first and a last one that stand outside the repetition."""
    repeated = [calls[b.call].path[-1:].isdigit() for b in plain]
    if sum(repeated) < 2:
        return plain
    start = 0 if repeated[0] else 1
    end = len(plain) if repeated[-1] else len(plain) - 1
    return plain[start:end]


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
