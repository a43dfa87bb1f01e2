"""The verdict: one label, one probability, one reason."""

from __future__ import annotations

import math

from plusone.judge.thresholds import GRADIENT_DECADES, SIGNAL_DECADES
from plusone.records import Evidence, Finding, Verdict

# Not calibrated yet: a logistic curve that is even at the threshold and falls by a factor of
# e**2 in the odds for each decade beyond it.
_SLOPE = 2.0


def reach_verdict(evidence: Evidence, findings: tuple[Finding, ...]) -> Verdict | None:
    """The verdict, or None where neither gradient nor signal was measured."""
    unstable = next((f for f in findings if f.code == "N501"), None)
    if unstable is not None:
        return Verdict(label="unstable", probability=0.0, reason=unstable.reason)
    gradient = float(evidence.end_to_end.log10_gradient_ratio)
    signal = float(evidence.end_to_end.log10_signal_ratio)
    if math.isnan(gradient) and math.isnan(signal):
        return None
    decades = 0.0 if math.isnan(gradient) else gradient
    growth = 0.0 if math.isnan(signal) else signal
    excess = max(abs(decades) - GRADIENT_DECADES, abs(growth) - SIGNAL_DECADES)
    probability = 1.0 / (1.0 + math.exp(min(_SLOPE * excess, 700.0)))
    return _label(decades, growth, probability)


def _label(gradient: float, signal: float, probability: float) -> Verdict:
    if gradient < -GRADIENT_DECADES:
        reason = f"the gradient falls by {-gradient:.1f} decades from the last block to the first"
        return Verdict(label="vanishing", probability=probability, reason=reason)
    if gradient > GRADIENT_DECADES:
        reason = f"the gradient grows by {gradient:.1f} decades from the last block to the first"
        return Verdict(label="exploding", probability=probability, reason=reason)
    if signal < -SIGNAL_DECADES:
        reason = f"the signal falls by {-signal:.1f} decades over the depth"
        return Verdict(label="vanishing", probability=probability, reason=reason)
    if signal > SIGNAL_DECADES:
        reason = f"the signal grows by {signal:.1f} decades over the depth"
        return Verdict(label="exploding", probability=probability, reason=reason)
    reason = (
        f"the gradient changes by {gradient:+.1f} decades over the depth and the signal by "
        f"{signal:+.1f}"
    )
    return Verdict(label="trainable", probability=probability, reason=reason)
