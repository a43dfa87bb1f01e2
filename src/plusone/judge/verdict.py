"""The verdict: one label, one probability, one reason."""

from __future__ import annotations

import math
from dataclasses import replace

from plusone.judge.calibration import harms, probability, quantities
from plusone.judge.gradient import largest_growth
from plusone.judge.nodes import are_nodes_alike
from plusone.judge.run import trunk_of
from plusone.judge.thresholds import (
    ALIKE,
    BOUNDED_DECADES,
    EVEN,
    GRADIENT_DECADES,
    SIGNAL_DECADES,
)
from plusone.records import Evidence, Finding, Label, Value, Verdict

# Where the calibrated model lacks a quantity: a logistic curve that is even at the threshold and
# falls by a factor of e**2 in the odds for each decade beyond it. The decades are those of
# `_beyond`: where the limit for growth is 4.5 decades instead of 3, one of them counts as 3 / 4.5,
# a factor of e**1.33.
_SLOPE = 2.0


def reach_verdict(evidence: Evidence, findings: tuple[Finding, ...]) -> Verdict | None:
    """The verdict, or None where the gradient was not measured: a signal alone proves nothing.

    N501 among the findings settles it, also without a gradient, and so does a cut in autograd's
    graph. Else the probability is the calibrated one where its quantities were measured, which
    takes 16 samples, and at most even where G201, G202, A301 or A304 fired: the verdict says the
    same as the findings. A graph net that vanishes and whose nodes become alike is over-smoothing:
    what cures that cures both, a plain skip does not. With fewer samples the probability is even at
    the thresholds of these four; a signal that was not measured, as in a net of one block, does not
    count against it.
    """
    unstable = next((f for f in findings if f.code == "N501"), None)
    if unstable is not None:
        return Verdict(label="unstable", probability=0.0, reason=unstable.reason)
    if math.isnan(float(evidence.end_to_end.log10_gradient_ratio)):
        return None
    by_thresholds = _by_thresholds(evidence, findings)
    if by_thresholds.label == "vanishing" and are_nodes_alike(evidence, findings):
        alike = next(f for f in findings if f.code == "A302")
        reason = f"{alike.reason}; {by_thresholds.reason}"
        by_thresholds = replace(by_thresholds, label="over-smoothing", reason=reason)
    found = None if evidence.cut_blocks else quantities(evidence)
    if found is None:
        return by_thresholds
    chance = probability(found)
    if by_thresholds.label != "trainable":
        chance = min(chance, EVEN)
        return replace(by_thresholds, probability=chance, is_calibrated=True)
    if chance >= EVEN:
        return Verdict(
            label="trainable", probability=chance, reason=_kept(evidence), is_calibrated=True
        )
    told = next((f for f in findings if f.code[0] in "GA"), None)
    is_smooth = told is not None and told.code in ("A302", "A303")
    reason = told.reason if told is not None else f"{_fault(found)}: {_kept(evidence)}"
    if told is not None and not is_smooth:
        reason += f"; {_gradient_words(float(evidence.end_to_end.log10_gradient_ratio))}"
    return Verdict(
        label="over-smoothing" if is_smooth else label_of(evidence, found),
        probability=chance,
        reason=reason,
        is_calibrated=True,
    )


def label_of(evidence: Evidence, found: dict[str, float]) -> Label:
    """What is wrong with a net that is not likely to train, by the quantity that says so most."""
    gradient = float(evidence.end_to_end.log10_gradient_ratio)
    if next(iter(harms(found))) in ("vanish", "spread"):
        return "exploding" if gradient > 0 else "vanishing"
    last = trunk_of(evidence)[-1:]
    if any(float(v) > ALIKE for b in last for v in (b.similarity, b.token_similarity)):
        return "over-smoothing"
    return "exploding" if gradient > BOUNDED_DECADES else "bottleneck"


def _fault(found: dict[str, float]) -> str:
    """What says most against a net that no finding accuses."""
    if next(iter(harms(found))) == "vanish":
        return "the gradient falls by more than it does in nets that train"
    return "the gradient's size differs over the blocks by more than it does in nets that train"


def _kept(evidence: Evidence) -> str:
    """What the four quantities and the signal say, in words."""
    whole = evidence.end_to_end
    return (
        f"{_gradient_words(float(whole.log10_gradient_ratio))}, "
        f"{_signal_words(float(whole.log10_signal_ratio), len(trunk_of(evidence)))}, "
        f"directions of the gradient have a mean cos^2 of {_short(whole.gradient_collapse)}, "
        f"the samples keep an alignment of {_short(whole.input_alignment)} with the input"
    )


def _short(value: Value) -> str:
    return f"{value.value:.2f}" if value.value is not None else value.state


def _by_thresholds(evidence: Evidence, findings: tuple[Finding, ...]) -> Verdict:
    gradient = float(evidence.end_to_end.log10_gradient_ratio)
    signal = float(evidence.end_to_end.log10_signal_ratio)
    cut = next((f for f in findings if f.code == "G201"), None) if evidence.cut_blocks else None
    of_gradient = cut.reason if cut else _gradient_words(gradient)
    of_signal = _signal_words(signal, len(trunk_of(evidence)))
    beyond = {
        of_gradient: _beyond(gradient, GRADIENT_DECADES, largest_growth(evidence)),
        of_signal: _beyond(signal, SIGNAL_DECADES, SIGNAL_DECADES),
    }
    chance = 1.0 / (1.0 + math.exp(min(_SLOPE * max(beyond.values()), 700.0)))
    for (words, excess), decades in zip(beyond.items(), (gradient, signal), strict=True):
        if excess > 0:
            label: Label = "vanishing" if decades < 0 else "exploding"
            return Verdict(label=label, probability=chance, reason=words)
    reason = f"{of_gradient}, {of_signal}"
    return Verdict(label="trainable", probability=chance, reason=reason)


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
