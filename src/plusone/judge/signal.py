"""Rules on the signal: non-finite, growing, fading, over-smoothed, parallel."""

from __future__ import annotations

import math

from plusone.judge.findings import finding, span, times
from plusone.judge.run import last_run, signal_run, silent_since, trunk_of
from plusone.judge.thresholds import PARALLEL, PARALLEL_GROWTH, SIGNAL_DECADES
from plusone.records import BlockReport, Evidence, Finding, Value


def judge_signal(evidence: Evidence) -> list[Finding]:
    """N501 alone, or A301, A304, A302 and A303."""
    if evidence.first_non_finite:
        return [_non_finite(evidence)]
    found = _growth(evidence)
    mixed = "nodes" if evidence.has_nodes else "tokens or nodes"
    found += _parallel(evidence.blocks, "token_similarity", "A302", mixed)
    if not evidence.samples_are_nodes:
        found += _parallel(evidence.blocks, "similarity", "A303", "samples")
    return found


def _non_finite(evidence: Evidence) -> Finding:
    where, what = evidence.first_non_finite, evidence.non_finite_in
    block = next((b for b in evidence.blocks if b.name == where), BlockReport(name="", depth=0))
    seen = block.signal_rms if what == "signal" else Value(state="nan")
    value = seen if seen.state in ("inf", "-inf") else Value(state="nan")
    if what == "signal":
        reason = f"the signal is {value.state} behind {where}; up to there it is finite"
    elif what == "gradient":
        reason = (
            f"the signal is finite, but the gradient is not once it has passed {where} on its way "
            "down from the output"
        )
    elif what == "gradient behind the last block":
        reason = (
            "the signal is finite, but the gradient is not when it arrives at the last block: "
            f"{where} behind it or the loss makes it so"
        )
    else:
        reason = f"signal and gradient are finite on their way, but the {what} is not"
    return finding("N501", where, value, 0.0, reason)


def _growth(evidence: Evidence) -> list[Finding]:
    ratio = evidence.end_to_end.log10_signal_ratio
    decades = float(ratio)
    if math.isnan(decades) or abs(decades) <= SIGNAL_DECADES:
        return []
    trunk = trunk_of(evidence)
    silent = silent_since(trunk)
    if decades == -math.inf and silent:
        reason = f"the signal is exactly zero from {silent} on"
        return [finding("A304", silent, ratio, -SIGNAL_DECADES, reason)]
    grows = decades > 0
    first, last = signal_run(trunk, math.copysign(1.0, decades))
    word, verb = ("larger", "grows") if grows else ("smaller", "fades")
    size = (
        f"{times(decades)} {word} than" if math.isfinite(decades) else "zero by underflow, not as"
    )
    reason = (
        f"the signal after the last block is {size} after the first; it {verb} {span(first, last)}"
    )
    limit = SIGNAL_DECADES if grows else -SIGNAL_DECADES
    return [finding("A301" if grows else "A304", first, ratio, limit, reason)]


def _parallel(blocks: tuple[BlockReport, ...], field: str, code: str, what: str) -> list[Finding]:
    apart = [(b.name, 1.0 - float(getattr(b, field)), getattr(b, field)) for b in blocks]
    apart = [row for row in apart if math.isfinite(row[1])]
    if len(apart) < 2:
        return []
    start, end = max(apart[0][1], 1e-16), apart[-1][1]
    if end >= PARALLEL or start < PARALLEL_GROWTH * max(end, 1e-16):
        return []
    where = last_run([name for name, _, _ in apart], [row[1] < PARALLEL for row in apart])
    reason = (
        f"two {what} have the mean cosine {_cosine(end)} at the last block "
        f"({_cosine(start)} at the first); from {where} on they cannot be told apart"
    )
    return [finding(code, where, apart[-1][2], 1.0 - PARALLEL, reason)]


def _cosine(apart: float) -> str:
    """The cosine 1 - `apart` in words: near 1 as its distance, which digits would hide."""
    if apart > 0.01:
        return f"{1.0 - apart:.2f}"
    return f"1 - {apart:.0e}" if apart > 1e-15 else "1"
