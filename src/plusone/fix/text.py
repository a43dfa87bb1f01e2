"""The plan as text of a given width."""

from __future__ import annotations

import math
import textwrap

from plusone.fix.plan import Forecast, Plan
from plusone.report.numerals import percent


def plan_text(plan: Plan, *, width: int = 100) -> str:
    """Reason, diff, forecast and notes."""
    head = f"plan for {plan.target}: "
    count = len(plan.edits)
    head += f"{count} edit{'s' * (count != 1)}" if count else "no edits"
    parts = [_wrapped(head, width), _wrapped(plan.reason, width)]
    if plan.diff:
        parts.append("\n".join(_diff_line(line, width) for line in plan.diff.splitlines()))
    if plan.predicted is not None:
        parts.append(
            "\n".join(
                (
                    _wrapped(f"before: {_words(plan.predicted.before)}", width),
                    _wrapped(f"after:  {_words(plan.predicted.after)}", width),
                )
            )
        )
    if plan.considered:
        parts.append(_considered(plan, width))
    parts += [_wrapped(f"note: {note}", width) for note in plan.notes]
    if plan.refusal:
        parts.append(_wrapped(f"not applied: {plan.refusal}", width))
    return "\n\n".join(part for part in parts if part)


def _words(forecast: Forecast) -> str:
    label = forecast.label or "no verdict"
    ratio = forecast.log10_gradient_ratio
    gradient = "" if math.isnan(ratio) else f", gradient 10^{ratio:+.1f} from last block to first"
    codes = f", {', '.join(forecast.trouble)}" if forecast.trouble else ""
    if forecast.warnings:
        plural = "s" * (len(forecast.warnings) > 1)
        codes += f", warning{plural} {', '.join(forecast.warnings)}"
    return (
        f"{label}, {percent(forecast.probability)} likely to train{gradient}, "
        f"{forecast.num_parameters:,} parameters{codes}"
    )


def _considered(plan: Plan, width: int) -> str:
    rows = [
        f"  {c.name}: {c.after.label or 'no verdict'}, {percent(c.after.probability)}, "
        f"{c.num_edits} edits"
        for c in plan.considered
    ]
    return "\n".join(["also tried on a copy:", *(_wrapped(row, width, "    ") for row in rows)])


def _diff_line(line: str, width: int) -> str:
    return _wrapped(line, width, "    ")


def _wrapped(text: str, width: int, indent: str = "") -> str:
    return textwrap.fill(
        text,
        width=max(width, 24),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
