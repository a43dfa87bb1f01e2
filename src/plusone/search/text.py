"""A search's result as text: the best patterns and the baselines, and what was left out."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

from plusone.report.numerals import counted

if TYPE_CHECKING:
    from plusone.search.result import Result, Tried

_SHOWN = 8


def result_text(result: Result, *, width: int = 80) -> str:
    """The patterns as rows of marks, one for each place: the skip's span, or . for none."""
    space = result.space
    lines = textwrap.wrap(
        f"{space.subject.name}: {counted(space.num_layers, 'place')} at which a skip may return, "
        f"{counted(len(result.tried), 'pattern')} trained ({result.sampler}), "
        f"{result.num_pruned} left out untrained",
        width,
    )
    if result.is_interrupted:
        lines.append("interrupted: these are the trials that were finished")
    if not result.tried:
        return "\n".join(lines)
    shown = [*result.tried[:_SHOWN], *(t for t in result.tried[_SHOWN:] if t.baseline)]
    head = f"{'':9} {result.measure:>9} {'parameters':>11} {'skips':>5}  span of the skip into each"
    room = max(width - 39, 12)
    lines += ["", head.rstrip()[:width]]
    lines += [_row(t, place, room) for place, t in enumerate(result.tried, 1) if t in shown]
    if told := caution(result):
        lines += ["", *textwrap.wrap(told, width)]
    return "\n".join(lines)


def caution(result: Result) -> str:
    """What to keep in mind where the best is above all-skip; "" where it is not."""
    rivals = [t for t in result.tried if t.baseline == "all-skip"]
    if not rivals or not 0 < (gap := result.best.score - rivals[0].score) < math.inf:
        return ""
    return (
        f"the best is {gap:.3g} above all-skip in {result.measure}, with one seed and on the "
        "samples that chose it: train both longer before you believe it"
    )


def _row(tried: Tried, rank: int, room: int) -> str:
    name = tried.baseline or f"{rank}."
    spans = "".join(_sign(span) for span in tried.pattern.spans)
    if len(spans) > room:
        spans = f"{spans[: room - 3]}..."
    scale = "" if tried.pattern.scale == "one" else f" {tried.pattern.scale}"
    return (
        f"{name:9} {tried.score:9.4g} {tried.num_parameters:11,} {tried.pattern.num_skips:5}  "
        f"{spans}{scale}"
    )


def _sign(span: int) -> str:
    """One character: . none, 1 to 9, then letters, + beyond."""
    signs = "123456789abcdefghijklmnopqrstuvwxyz"
    return "." if not span else signs[span - 1] if span <= len(signs) else "+"
