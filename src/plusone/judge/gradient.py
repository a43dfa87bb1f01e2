"""Rules on the gradient's way through the depth: vanishing and exploding."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

from plusone.judge.findings import finding, span, times
from plusone.judge.run import signal_run, silent_since, troubled_run, trunk_of
from plusone.judge.thresholds import (
    BOUNDED_DECADES,
    GRADIENT_DECADES,
    NORMED_GRADIENT_DECADES,
    UNDERFLOW,
)
from plusone.records import BlockReport, Evidence, Finding


def judge_gradient(evidence: Evidence) -> list[Finding]:
    """G201 or G202 where the gradient's norm changes by too much over the whole net.

    Where something is not finite, that comes first: sizes beside it say nothing.
    """
    ratio = evidence.end_to_end.log10_gradient_ratio
    decades = float(ratio)
    if evidence.first_non_finite or math.isnan(decades):
        return []
    vanishes = decades < 0
    limit = -GRADIENT_DECADES if vanishes else largest_growth(evidence)
    if abs(decades) <= abs(limit):
        return []
    code = "G201" if vanishes else "G202"
    if evidence.cut_blocks:
        return [_cut_off(evidence, limit)]
    no_signal = _without_signal(evidence) if decades == -math.inf else None
    where, how = no_signal or _place(trunk_of(evidence), decades)
    if decades == -math.inf:
        reason = f"no gradient at all reaches the first block{how}"
    else:
        word = "smaller" if vanishes else "larger"
        reason = f"the gradient at the first block is {times(decades)} {word} than at the last{how}"
    return [finding(code, where, ratio, limit, reason)]


def _cut_off(evidence: Evidence, limit: float) -> Finding:
    """G201 for blocks whose weights no gradient reaches, because autograd does not see them."""
    cut, before = evidence.cut_blocks, evidence.cut_before
    names = span(cut[0], cut[-1]).removeprefix("in ").removeprefix("from ")
    place = f"in front of {before}" if before else f"behind {cut[-1]}"
    reason = (
        f"no gradient reaches the weights of {names}: autograd's graph is cut {place} "
        "(detach, no_grad, .data or numpy)"
    )
    remedy = (
        "Take the detach or no_grad out, or, if these blocks are not to learn, say so: "
        "requires_grad_(False) on their weights."
    )
    ratio = evidence.end_to_end.log10_gradient_ratio
    return replace(finding("G201", before or cut[-1], ratio, limit, reason), remedy=remedy)


def largest_growth(evidence: Evidence) -> float:
    """By how many decades the gradient may grow on its way down.

    Normalised layers without a skip let it grow while the signal stays: that much is no fault.
    """
    signal = float(evidence.end_to_end.log10_signal_ratio)
    return NORMED_GRADIENT_DECADES if abs(signal) < BOUNDED_DECADES else GRADIENT_DECADES


def _without_signal(evidence: Evidence) -> tuple[str, str] | None:
    """Where the signal ends, if it does: ReLUs that get none pass no gradient either."""
    if float(evidence.end_to_end.log10_signal_ratio) != -math.inf:
        return None
    trunk = trunk_of(evidence)
    silent = silent_since(trunk)
    if silent:
        return silent, f": the signal is exactly zero from {silent} on"
    first, last = signal_run(trunk, -1.0)
    return first, f": the signal fades to zero {span(first, last)}"


def _place(blocks: tuple[BlockReport, ...], decades: float) -> tuple[str, str]:
    """The first block, from the input on, of those that change the gradient, and how they do."""
    known = [(b.name, float(b.gradient_norm)) for b in blocks if b.gradient_norm.is_finite]
    names, norms = [name for name, _ in known], [norm for _, norm in known]
    if not names:
        return "", ""
    reached = next((k for k, norm in enumerate(norms) if norm > 0), None)
    if reached is None:
        return names[-1], ""
    if (reached > 0 or decades == -math.inf) and norms[reached] > UNDERFLOW * norms[-1]:
        return names[reached], f": {names[reached]} passes none on"
    names, logs = names[reached:], [math.log10(norm) if norm > 0 else None for norm in norms]
    steps = _steps(logs[reached:], decades)
    first, last = troubled_run(steps)
    word = "falls" if decades < 0 else "grows"
    inside = sum(steps[first : last + 1])
    return names[first], f"; it {word} by {inside:.1f} decades {span(names[first], names[last])}"


def _steps(logs: list[float | None], decades: float) -> list[float]:
    """By how many decades each block moves the gradient in the direction of `decades`.

    The gradient enters block k at its output and leaves at the output of block k - 1. Before the
    first block it is known from the ratio over the whole net.
    """
    last = logs[-1]
    known = last if last is not None else max(x for x in logs if x is not None)
    start = known + decades if math.isfinite(decades) else logs[0]
    path = [x if x is not None else math.nan for x in (start, *logs)]
    for k, x in enumerate(path):
        if math.isnan(x):  # a block beside the way that no gradient reaches: no step
            path[k] = path[k - 1]
    sign = math.copysign(1.0, decades)
    return [sign * (before - after) for before, after in pairwise(path)]
