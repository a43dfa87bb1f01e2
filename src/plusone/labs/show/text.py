"""A lab's result in the words of the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from plusone.labs.base.claim import Effect, LabResult, Outcome, Prediction, Verdict
from plusone.labs.index import LABS
from plusone.report.layout import Ink, labelled, wrapped
from plusone.report.numerals import counted, number

COLORS: dict[Verdict, str] = {
    "holds": "green",
    "fails": "red",
    "mixed": "yellow",
    "not measured": "dim",
}
YES_NO: dict[Verdict, str] = {"holds": "yes", "fails": "no", "mixed": "mixed", "not measured": "-"}
COUNTING = (
    "The verdict is that of the claims; where a control does not hold it is mixed at best, and "
    "limits do not count."
)
INTERVALS = "In brackets: the 95 % interval of the mean over seeds, or over what is named there."


def result_text(result: LabResult, *, width: int = 100, color: bool = False) -> str:
    """The claim, what was predicted and measured, the effects, and what it means."""
    ink = Ink(color=color)
    claim = result.claim
    verdict = ink(result.verdict, "bold", COLORS[result.verdict])
    lines = [f"{claim.name}: {verdict}"]
    for name, text in (
        ("claim", claim.statement),
        ("equation", claim.equation),
        ("control", claim.control),
        ("source", claim.source),
    ):
        lines += labelled(name, text, width=width)
    lines.append("")
    for role, heading in ROLES:
        lines += _outcomes(result.outcomes, role, heading, ink, width)
    lines += [*wrapped(f"{COUNTING} {INTERVALS}", width=width), ""]
    for effect in result.effects:
        lines += labelled("effect", effect_sentence(effect), width=width)
    lines += labelled("reading", result.reading, width=width)
    lines += labelled("run", run_sentence(result), width=width)
    return "\n".join(lines)


ROLES = (
    ("claim", "what the claim implies"),
    ("control", "what has to hold for the experiment to mean anything"),
    ("limit", "where the claim ends"),
)


def _outcomes(
    outcomes: Sequence[Outcome], role: str, heading: str, ink: Ink, width: int
) -> list[str]:
    chosen = [o for o in outcomes if o.prediction.role == role]
    lines = [ink(line, "bold") for line in wrapped(heading, width=width)] if chosen else []
    for outcome in chosen:
        answer = YES_NO[outcome.verdict].ljust(_ANSWER)
        text = (
            f"{outcome.prediction.text}: predicted {predicted(outcome.prediction)}, "
            f"{'' if outcome.unmeasured else 'measured '}{measured(outcome)}"
        )
        first, *rest = wrapped(text, width=width, first="  " + answer, rest="  " + " " * _ANSWER)
        first = first.replace(answer, ink(answer, COLORS[outcome.verdict]), 1)
        lines += [first, *rest]
    return [*lines, ""] if lines else []


_ANSWER = 7  # the width of the longest answer, with a gap


def predicted(prediction: Prediction) -> str:
    """The interval that was fixed beforehand: "0.9 to 1.1", "at least 2", "at most 1e-10"."""
    low, high = prediction.low, prediction.high
    if math.isinf(low):
        return f"at most {number(high)}"
    if math.isinf(high):
        return f"at least {number(low)}"
    return number(low) if low == high else f"{number(low)} to {number(high)}"


def measured(outcome: Outcome) -> str:
    """The mean with the 95 % interval where repeats differ, and what they are if they are no seeds;
    or why it was not measured."""
    if outcome.unmeasured:
        return f"not measured: {outcome.unmeasured}"
    mean = number(outcome.mean)
    if outcome.low == outcome.high or math.isnan(outcome.low):
        return mean
    over = outcome.prediction.over
    named = "" if over == "seeds" else f", over {_repeats(outcome.num_seeds, over)}"
    return f"{mean} ({number(outcome.low)} to {number(outcome.high)}{named})"


def _repeats(count: int, over: str) -> str:
    return counted(count, over.removesuffix("s"))


def cell(value: str | float) -> str:
    """A table's cell: words, or a number; "-" for what was not measured."""
    if isinstance(value, str):
        return value
    return "-" if math.isnan(value) else number(float(value))


def effect_sentence(effect: Effect) -> str:
    """An effect in one sentence."""
    interval = f" ({number(effect.low)} to {number(effect.high)})" if effect.num_seeds > 1 else ""
    g = ""
    if math.isfinite(effect.hedges_g):
        g = f"; Hedges' g {number(effect.hedges_g)}"
        if math.isfinite(effect.g_low) and math.isfinite(effect.g_high):
            g += f" ({number(effect.g_low)} to {number(effect.g_high)})"
    return (
        f"{effect.text}: {effect.treatment} minus {effect.control} {number(effect.difference)}"
        f"{interval}{g}, {_repeats(effect.num_seeds, effect.over)}"
    )


def run_sentence(result: LabResult) -> str:
    """How the result was made."""
    mode = "full mode" if result.is_full else "quick mode"
    data = f" on {', '.join(result.data)}" if result.data else ""
    return (
        f"{mode}{data}, {counted(result.num_runs, 'run')} over "
        f"{counted(result.num_seeds, 'seed')}, {number(result.seconds)} CPU seconds, "
        f"{result.versions}, {result.date}"
    )


def list_text(*, width: int = 100) -> str:
    """The labs, one line each."""
    longest = max(map(len, LABS)) + 2
    return "\n".join(
        line
        for name, entry in LABS.items()
        for line in wrapped(
            entry.summary, width=width, first=name.ljust(longest), rest=" " * longest
        )
    )
