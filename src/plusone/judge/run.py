"""Where in the depth a trouble starts: the run of blocks that holds it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from plusone.judge.thresholds import PARALLEL, UNDERFLOW
from plusone.records import BlockReport, Evidence

_ROUNDS = 16


def trunk_of(evidence: Evidence) -> tuple[BlockReport, ...]:
    """The blocks that the ratios from end to end are about; all, where that is not known."""
    trunk = set(evidence.trunk)
    return tuple(b for b in evidence.blocks if b.name in trunk) or evidence.blocks


def troubled_run(steps: Sequence[float]) -> tuple[int, int]:
    """The first and the last of the steps that the drift (their sum, above zero) is made of.

    The run with the largest sum of (step - a third of the mean step of the run): what lies outside
    drifts by less than a third of what lies inside. It is found by fixed-point iteration, starting
    with all steps; each round is the maximum subarray (Bentley 1984, "Programming pearls").
    Equal steps give the whole depth, one step among zeros gives that one. Cost: O(steps).
    """
    run = (0, len(steps) - 1)
    for _ in range(_ROUNDS):
        inside = steps[run[0] : run[1] + 1]
        third = sum(inside) / len(inside) / 3.0
        found = _largest_sum([step - third for step in steps])
        if found == run:
            break
        run = found
    return run


def _largest_sum(values: Sequence[float]) -> tuple[int, int]:
    best, where = -math.inf, (0, 0)
    total, start = 0.0, 0
    for k, value in enumerate(values):
        if total <= 0.0:
            total, start = 0.0, k
        total += value
        if total > best:
            best, where = total, (start, k)
    return where


def signal_run(blocks: Sequence[BlockReport], sign: float) -> tuple[str, str]:
    """The first and the last of the blocks in which the signal grows (sign 1) or fades (-1).

    Blocks where it is zero (a shut gate beside the stream, what lies below underflow) are left
    out. Nothing is read before the first block, so that counts as the second.
    """
    sizes = [(b.name, b.signal_rms.value) for b in blocks if b.signal_rms.value]
    if len(sizes) < 2:
        return (sizes[0][0], sizes[0][0]) if sizes else ("", "")
    steps = [sign * math.log10(after / before) for (_, before), (_, after) in pairwise(sizes)]
    first, last = troubled_run([steps[0], *steps])
    return sizes[first][0], sizes[last][0]


def silent_since(blocks: Sequence[BlockReport]) -> str:
    """The block from which on the signal is exactly zero, up to the last; "" if it never is.

    A layer is read before its activation. If all samples are parallel there and zero in the next
    block, it is this layer's bias that shuts every unit. A signal that has slid so far down that
    it underflows is a slope and no cut.
    """
    read = [block for block in blocks if block.signal_rms.is_measured]
    names = [block.name for block in read]
    where = last_run(names, [block.signal_rms.value == 0.0 for block in read])
    before = names.index(where) - 1 if where else -1
    if before >= 0 and float(read[before].signal_rms) < UNDERFLOW * float(read[0].signal_rms):
        return ""
    if before >= 0 and 1.0 - float(read[before].similarity) < PARALLEL:
        return names[before]
    return where


def last_run(names: Sequence[str], flags: Sequence[bool]) -> str:
    """The name from which on all flags are set, up to the last one; "" if that is not set."""
    start = len(flags)
    while start and flags[start - 1]:
        start -= 1
    return names[start] if start < len(flags) else ""
