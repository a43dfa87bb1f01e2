"""Rules on the gradient's way through the depth: vanishing and exploding."""

from __future__ import annotations

import math

from plusone.judge.findings import finding, times
from plusone.judge.thresholds import FIRST_SIGN_DECADES, GRADIENT_DECADES
from plusone.records import BlockReport, Evidence, Finding


def judge_gradient(evidence: Evidence) -> list[Finding]:
    """G201 or G202 where the gradient's norm changes by too much over the whole net."""
    ratio = evidence.end_to_end.log10_gradient_ratio
    decades = float(ratio)
    if math.isnan(decades) or abs(decades) <= GRADIENT_DECADES:
        return []
    vanishes = decades < 0
    where = first_sign(evidence.blocks, vanishes=vanishes)
    if decades == -math.inf:
        size = "no gradient at all reaches the first block"
    else:
        word = "smaller" if vanishes else "larger"
        size = f"the gradient at the first block is {times(decades)} {word} than at the last"
    if where:
        size += f"; going down from the output, it starts at {where}"
    code = "G201" if vanishes else "G202"
    limit = -GRADIENT_DECADES if vanishes else GRADIENT_DECADES
    return [finding(code, where, ratio, limit, size)]


def first_sign(blocks: tuple[BlockReport, ...], *, vanishes: bool) -> str:
    """The block through which the gradient, on its way down, passes the first decade for good.

    The gradient at a block's output has passed through the blocks above; where it is first ten
    times off, and stays so below, the block just above did it.
    """
    norms = [(b.name, float(b.gradient_norm)) for b in blocks if b.gradient_norm.is_measured]
    if not norms:
        return ""
    last = norms[-1][1]
    culprit = norms[0][0]
    for k, (_, norm) in enumerate(norms[:-1]):
        off = math.log10(norm / last) if norm > 0 and last > 0 else -math.inf
        if (off > -FIRST_SIGN_DECADES) if vanishes else (off < FIRST_SIGN_DECADES):
            break
        culprit = norms[k + 1][0]
    return culprit
