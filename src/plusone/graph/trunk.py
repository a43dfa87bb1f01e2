"""The trunk: the longest way through the blocks, which ratios from end to end are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plusone.capture.trace import Trace, ValueRef
from plusone.graph.opkinds import ADD, MIXING, base_name

if TYPE_CHECKING:
    from plusone.graph.skipgraph import Block


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """`last` depends on `first`, and no two such values have more blocks between them.

    `start` is where the trunk's gradient alone can be read: `first`, or behind the first blocks
    where a head beside the trunk reads `first` too. `blocks` are the positions of the blocks
    between the two. Without blocks all are empty.
    """

    first: ValueRef | None = None
    start: ValueRef | None = None
    last: ValueRef | None = None
    blocks: tuple[int, ...] = ()


def find_trunk(trace: Trace, blocks: Sequence[Block]) -> Trunk:
    """The trunk of the blocks. Cost: linear in the operations.

    It ends at the deepest block and begins at the entry of a stream that has skips, if there is
    one. A stream are the blocks whose entries come from one another. An encoder is a stream of
    its own; the plain layers that make gates of a condition (which start at zero in a DiT) are
    none.
    """
    if not blocks:
        return Trunk()
    last = max(blocks, key=lambda block: (block.depth, block.output)).output
    ahead = _blocks_ahead(trace, blocks, last)
    leading = [b for b in blocks if ahead[b.entry[0]] > 0]
    streams = _streams(trace, blocks)
    entries = [e for e in streams if ahead[e[0]] > 0] or [b.entry for b in leading]
    first = max(entries, key=lambda entry: (ahead[entry[0]], (-entry[0], -entry[1])))
    behind = _behind(trace, first[0], last[0])
    inside = [
        k
        for k, block in enumerate(blocks)
        if block.output[0] in behind and ahead[block.output[0]] >= 0
    ]
    start = _untapped(trace, first, ahead, [blocks[k].output for k in inside])
    return Trunk(first=first, start=start, last=last, blocks=tuple(inside))


def _blocks_ahead(trace: Trace, blocks: Sequence[Block], last: ValueRef) -> list[int]:
    """For each operation the most blocks that end between it and `last`; -1: no way leads there."""
    num_ends = [0] * len(trace.ops)
    for block in blocks:
        num_ends[block.output[0]] += 1
    ahead = [-1] * len(trace.ops)
    ahead[last[0]] = 0
    for number in range(last[0], -1, -1):
        if ahead[number] < 0:
            continue
        through = ahead[number] + num_ends[number]
        for parent in _signals(trace, number):
            ahead[parent] = max(ahead[parent], through)
    return ahead


def _behind(trace: Trace, first: int, last: int) -> set[int]:
    """The operations up to `last` that depend on operation `first`."""
    found = {first}
    for number in range(first + 1, last + 1):
        if any(parent in found for parent in _signals(trace, number)):
            found.add(number)
    found.discard(first)
    return found


def _signals(trace: Trace, number: int) -> list[int]:
    """The operations whose floating-point results operation `number` reads."""
    ops = trace.ops
    return [p for p, out in ops[number].parents if out < 0 or ops[p].is_float[out]]


def _untapped(
    trace: Trace, first: ValueRef, ahead: Sequence[int], outputs: Sequence[ValueRef]
) -> ValueRef:
    """The first value along the trunk that no head beside it reads; `first` if half are read."""
    leads_out = [False] * len(trace.ops)
    is_tapped = [False] * len(trace.ops)
    for number, _ in trace.outputs:
        leads_out[number] = is_tapped[number] = True
    for number in range(len(trace.ops) - 1, -1, -1):
        if not leads_out[number]:
            continue
        for parent in _signals(trace, number):
            leads_out[parent] = True
            is_tapped[parent] |= ahead[number] < 0
    if not is_tapped[first[0]]:
        return first
    total = ahead[first[0]]
    on_way = (v for v in outputs if 2 * ahead[v[0]] >= total)
    return next((v for v in on_way if not is_tapped[v[0]]), first)


def _streams(trace: Trace, blocks: Sequence[Block]) -> list[ValueRef]:
    """The entries of the streams that have skips; of all streams, if none has."""
    ends = _ends(trace, blocks)
    start: list[int] = []
    for k, block in enumerate(blocks):
        above = _nearest(trace, block.entry[0], ends, k)
        start.append(k if above is None else start[above])
    with_skips = {start[k] for k, block in enumerate(blocks) if block.kind == "residual"}
    return [blocks[k].entry for k in sorted(with_skips or set(start))]


def _ends(trace: Trace, blocks: Sequence[Block]) -> dict[int, int]:
    """The operations at the end of each block: its join, or its last layer and what is behind.

    A norm or an activation between two plain layers belongs to both of their blocks.
    """
    ends: dict[int, int] = {}
    for k, block in enumerate(blocks):
        number = block.output[0]
        while number > block.entry[0]:
            ends.setdefault(number, k)
            op = trace.ops[number]
            if base_name(op.name) in ADD | MIXING or len(op.parents) != 1:
                break
            number = op.parents[0][0]
    return ends


def _nearest(trace: Trace, number: int, ends: Mapping[int, int], below: int) -> int | None:
    """The last block before block `below` that leads to an operation past no other block."""
    stack, seen, found = [number], {number}, []
    while stack:
        number = stack.pop()
        block = ends.get(number)
        if block is not None and block < below:
            found.append(block)
            continue
        for parent, _ in trace.ops[number].parents:
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return max(found, default=None)
