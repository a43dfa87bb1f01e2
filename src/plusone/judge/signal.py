"""Rules on the signal: non-finite, growing, fading, over-smoothed, parallel."""

from __future__ import annotations

import math

from plusone.judge.findings import finding, times
from plusone.judge.thresholds import PARALLEL, PARALLEL_GROWTH, SIGNAL_DECADES
from plusone.records import BlockReport, Evidence, Finding, Value


def judge_signal(evidence: Evidence) -> list[Finding]:
    """N501, A301, A304, A302 and A303."""
    if evidence.first_non_finite:
        where = evidence.first_non_finite
        reason = f"the {evidence.non_finite_in} is not finite; {where} is the first place"
        return [finding("N501", where, Value(state="nan"), 0.0, reason)]
    found = _growth(evidence)
    found += _parallel(evidence.blocks, "token_similarity", "A302", "tokens or nodes")
    found += _parallel(evidence.blocks, "similarity", "A303", "samples")
    return found


def _growth(evidence: Evidence) -> list[Finding]:
    ratio = evidence.end_to_end.log10_signal_ratio
    decades = float(ratio)
    if math.isnan(decades) or abs(decades) <= SIGNAL_DECADES:
        return []
    grows = decades > 0
    limit = SIGNAL_DECADES if grows else -SIGNAL_DECADES
    blocks = [b for b in evidence.blocks if b.signal_rms.is_measured]
    start = float(blocks[0].signal_rms)
    where = blocks[-1].name
    for block in blocks:
        off = float(block.signal_rms) / start
        if (off > 10.0) if grows else (off < 0.1):
            where = block.name
            break
    word = "larger" if grows else "smaller"
    size = f"{times(decades)} {word}" if math.isfinite(decades) else "zero"
    reason = f"the signal after the last block is {size} than after the first; it starts at {where}"
    if not math.isfinite(decades):
        reason = f"the signal after the last block is zero; the fading starts at {where}"
    return [finding("A301" if grows else "A304", where, ratio, limit, reason)]


def _parallel(blocks: tuple[BlockReport, ...], field: str, code: str, what: str) -> list[Finding]:
    apart = [(b.name, 1.0 - float(getattr(b, field)), getattr(b, field)) for b in blocks]
    apart = [row for row in apart if math.isfinite(row[1])]
    if len(apart) < 2:
        return []
    start, end = max(apart[0][1], 1e-16), apart[-1][1]
    if end >= PARALLEL or start < PARALLEL_GROWTH * max(end, 1e-16):
        return []
    where = next(name for name, distance, _ in apart if distance < PARALLEL)
    reason = (
        f"two {what} have the mean cosine 1 - {max(end, 0.0):.1e} at the last block "
        f"(1 - {start:.1e} at the first); from {where} on they cannot be told apart"
    )
    return [finding(code, where, apart[-1][2], 1.0 - PARALLEL, reason)]
