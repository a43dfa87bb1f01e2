"""The verdict: one label, one probability, one reason."""

from __future__ import annotations

import math

from plusone.judge.gradient import largest_growth
from plusone.judge.run import trunk_of
from plusone.judge.thresholds import GRADIENT_DECADES, SIGNAL_DECADES
from plusone.records import Evidence, Finding, Label, Verdict

# Not calibrated yet: a logistic curve that is even at the threshold and falls by a factor of
# e**2 in the odds for each decade beyond it. The decades are those of `_beyond`: where the limit
# for growth is 4.5 decades instead of 3, one of them counts as 3 / 4.5, a factor of e**1.33.
_SLOPE = 2.0


def reach_verdict(evidence: Evidence, findings: tuple[Finding, ...]) -> Verdict | None:
    """The verdict, or None where the gradient was not measured: a signal alone proves nothing.

    It says the same as the findings: it is even at their thresholds (G201, G202, A301, A304), and
    N501 among them settles it, also without a gradient. A signal that was not measured, as in a
    net of one block, does not count against it.
    """
    unstable = next((f for f in findings if f.code == "N501"), None)
    if unstable is not None:
        return Verdict(label="unstable", probability=0.0, reason=unstable.reason)
    gradient = float(evidence.end_to_end.log10_gradient_ratio)
    signal = float(evidence.end_to_end.log10_signal_ratio)
    if math.isnan(gradient):
        return None
    cut = next((f for f in findings if f.code == "G201"), None) if evidence.cut_blocks else None
    of_gradient = cut.reason if cut else _gradient_words(gradient)
    of_signal = _signal_words(signal, len(trunk_of(evidence)))
    beyond = {
        of_gradient: _beyond(gradient, GRADIENT_DECADES, largest_growth(evidence)),
        of_signal: _beyond(signal, SIGNAL_DECADES, SIGNAL_DECADES),
    }
    probability = 1.0 / (1.0 + math.exp(min(_SLOPE * max(beyond.values()), 700.0)))
    for (words, excess), decades in zip(beyond.items(), (gradient, signal), strict=True):
        if excess > 0:
            label: Label = "vanishing" if decades < 0 else "exploding"
            return Verdict(label=label, probability=probability, reason=words)
    reason = f"{of_gradient}, {of_signal}"
    return Verdict(label="trainable", probability=probability, reason=reason)


def _beyond(decades: float, smallest: float, largest: float) -> float:
    """By how many decades a change is outside [-smallest, largest] (inside: below zero).

    Decades are stretched so that no change at all counts the same from both sides: it is
    `smallest` inside. NaN is no change.
    """
    if math.isnan(decades):
        return -smallest
    return smallest * (abs(decades) / (smallest if decades < 0 else largest) - 1.0)


def _gradient_words(decades: float) -> str:
    if decades == -math.inf:
        return "no gradient at all reaches the first block"
    return f"the gradient {_change(decades)} from the last block to the first"


def _signal_words(decades: float, num_blocks: int) -> str:
    if math.isnan(decades):
        only_one = "there is only one block to compare the signal over"
        return only_one if num_blocks == 1 else "the signal was not measured"
    if decades == -math.inf:
        return "the signal ends at exactly zero"
    return f"the signal {_change(decades)} from the first block to the last"


def _change(decades: float) -> str:
    if abs(decades) < 0.05:
        return "stays level"
    return f"{'falls' if decades < 0 else 'grows'} by {abs(decades):.1f} decades"
