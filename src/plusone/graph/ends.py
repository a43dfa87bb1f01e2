"""The stem and the head: plain layers before the first skip leaves and after the last join.

They are no blocks as long as each holds at most `STEM_LAYERS` weighted layers, whatever they are
called. What stands there is a block that lacks its skip, though, if a residual block in the same
list is of its kind: a module of the same class, or one with the same sequence of weighted layers
(a bare layer is of the kind of its own class alone). In a net without skips only a list tells what
is repeated: there a first and a last layer outside the lists are no blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from plusone.capture.trace import Call
from plusone.graph.ancestry import Ancestry
from plusone.graph.blocks import Segment
from plusone.graph.dag import Dag
from plusone.graph.opkinds import MATRIX_PRODUCTS

# The deepest stem in common use has three convolutions (ResNet-D), the deepest head two linear
# maps behind one another (BERT's pooler and decoder) plus a projection.
STEM_LAYERS = 3


def without_stem_and_head(
    dag: Dag, ancestry: Ancestry, blocks: list[Segment], calls: tuple[Call, ...]
) -> list[Segment]:
    """The blocks without those of stem and head."""
    residual = [b for b in blocks if b.kind == "residual"]
    if residual:
        first = min(block.entry for block in residual)
        last = max(block.output for block in residual)
        kinds = _Kinds(dag, ancestry, residual, calls)
        plain = [b for b in blocks if b.kind == "plain" and b.layers <= STEM_LAYERS]
        stem = [b for b in plain if b.output <= first and not kinds.has_peer_of(b)]
        head = [b for b in plain if b.entry >= last and not kinds.has_peer_of(b)]
    else:
        stem, head = _outside_repetition(blocks, calls)
    dropped: set[int] = set()
    for end in (stem, head):
        if sum(b.layers for b in end) <= STEM_LAYERS:
            dropped.update(id(b) for b in end)
    return [b for b in blocks if id(b) not in dropped]


def _outside_repetition(
    blocks: list[Segment], calls: tuple[Call, ...]
) -> tuple[list[Segment], list[Segment]]:
    """In a net without skips: a first and a last layer that are in no list while others are."""
    is_listed = [calls[b.call].path[-1:].isdigit() for b in blocks]
    if sum(is_listed) < 2:
        return [], []
    return blocks[: not is_listed[0]], blocks[len(blocks) - (not is_listed[-1]) :]


class _Kinds:
    """The residual blocks by the list that they are in, and of what kind they are."""

    def __init__(
        self, dag: Dag, ancestry: Ancestry, residual: list[Segment], calls: tuple[Call, ...]
    ) -> None:
        self._dag, self._ancestry, self._calls = dag, ancestry, calls
        self._containers = {call.parent for call in calls}
        self._lists: dict[str, list[Segment]] = {}
        for block in residual:
            pattern = _pattern(calls[block.call].path)
            if pattern:
                self._lists.setdefault(pattern, []).append(block)

    def has_peer_of(self, block: Segment) -> bool:
        """Whether a residual block is of the kind of the plain one, or of a module around it."""
        call = block.call
        while call > 0:
            path, cls, parent, *_ = self._calls[call]
            peers = self._lists.get(_pattern(path), [])
            if any(self._calls[peer.call].cls == cls for peer in peers):
                return True
            if call == block.call and call in self._containers:
                layers = self._layers(block.nodes)
                if any(layers == self._branch(peer) for peer in peers):
                    return True
            call = parent
        return False

    def _branch(self, block: Segment) -> tuple[str, ...]:
        """The weighted layers on the branches of a residual block, without its shortcut's."""
        ends = [arm.node for arm in block.arms]
        inside = [v for v in block.nodes if any(self._ancestry.is_ancestor(v, e) for e in ends)]
        return self._layers(inside)

    def _layers(self, nodes: Iterable[int]) -> tuple[str, ...]:
        names = (self._dag.name[v] for v in sorted(nodes) if self._dag.weight[v])
        return tuple("mm" if name in MATRIX_PRODUCTS else name for name in names)


def _pattern(path: str) -> str:
    """`layers.*.mlp` for `layers.7.mlp`, and nothing for a path without a number."""
    pattern = re.sub(r"\d+", "*", path)
    return pattern if pattern != path else ""
