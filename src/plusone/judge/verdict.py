"""The verdict: one label, one probability, one reason."""

from __future__ import annotations

import math

from plusone.judge.gradient import largest_growth
from plusone.judge.thresholds import GRADIENT_DECADES, SIGNAL_DECADES
from plusone.records import Evidence, Finding, Label, Verdict

# Not calibrated yet: a logistic curve that is even at the threshold and falls by a factor of
# e**2 in the odds for each decade beyond it.
_SLOPE = 2.0


def reach_verdict(evidence: Evidence, findings: tuple[Finding, ...]) -> Verdict | None:
    """The verdict, or None where neither gradient nor signal was measured.

    It says the same as the findings: it is even at their thresholds (G201, G202, A301, A304), and
    N501 among them settles it. What was not measured does not count against the net.
    """
    unstable = next((f for f in findings if f.code == "N501"), None)
    if unstable is not None:
        return Verdict(label="unstable", probability=0.0, reason=unstable.reason)
    gradient = float(evidence.end_to_end.log10_gradient_ratio)
    signal = float(evidence.end_to_end.log10_signal_ratio)
    if math.isnan(gradient) and math.isnan(signal):
        return None
    beyond = {
        _gradient_words(gradient): _beyond(gradient, GRADIENT_DECADES, largest_growth(evidence)),
        _signal_words(signal): _beyond(signal, SIGNAL_DECADES, SIGNAL_DECADES),
    }
    probability = 1.0 / (1.0 + math.exp(min(_SLOPE * max(beyond.values()), 700.0)))
    for (words, excess), decades in zip(beyond.items(), (gradient, signal), strict=True):
        if excess > 0:
            label: Label = "vanishing" if decades < 0 else "exploding"
            return Verdict(label=label, probability=probability, reason=words)
    reason = f"{_gradient_words(gradient)}, {_signal_words(signal)}"
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
    if math.isnan(decades):
        return "the gradient was not measured"
    if decades == -math.inf:
        return "no gradient at all reaches the first block"
    verb = "falls" if decades < 0 else "grows"
    return f"the gradient {verb} by {abs(decades):.1f} decades from the last block to the first"


def _signal_words(decades: float) -> str:
    if math.isnan(decades):
        return "the signal was not measured"
    if decades == -math.inf:
        return "the signal ends at exactly zero"
    verb = "falls" if decades < 0 else "grows"
    return f"the signal {verb} by {abs(decades):.1f} decades from the first block to the last"
