"""The verdict: its label, how its probability moves, and that it says what the findings say."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.synthetic import chain, codes, evidence, judged
from plusone.judge.calibration import (
    HEALTHY,
    healthy_within_code,
    probability,
    within_code,
)
from plusone.judge.thresholds import GRADIENT_DECADES, SIGNAL_DECADES
from plusone.records import Bypass, Finding, Value, Verdict

DECADES = st.floats(-20.0, 20.0)


def verdict(gradient: float, signal: float, **fields: object) -> Verdict:
    _, made = judged(evidence(chain(4), gradient=gradient, signal=signal, **fields))
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("gradient", "signal", "label"),
    [
        (0.0, 0.0, "trainable"),
        (-2.9, 0.0, "trainable"),
        (-3.1, 0.0, "vanishing"),
        (-math.inf, 0.0, "vanishing"),
        (2.9, 2.0, "trainable"),
        (3.1, 2.0, "exploding"),
        (3.1, 0.0, "trainable"),
        (4.6, 0.0, "exploding"),
        (0.0, -4.1, "vanishing"),
        (0.0, -math.inf, "vanishing"),
        (0.0, 4.1, "exploding"),
        (-3.1, math.nan, "vanishing"),
    ],
)
def test_the_label_follows_the_decades(gradient: float, signal: float, label: str) -> None:
    assert verdict(gradient, signal).label == label


@pytest.mark.parametrize("signal", [math.nan, 0.0, 4.1, -math.inf])
def test_without_a_gradient_there_is_no_verdict(signal: float) -> None:
    assert judged(evidence(chain(4), signal=signal))[1] is None


def test_without_a_gradient_the_findings_of_the_signal_stand() -> None:
    assert codes(judged(evidence(chain(4), signal=-5.0))[0]) == ["A304"]


def test_something_not_finite_settles_it_also_without_a_gradient() -> None:
    made = evidence(chain(4), first_non_finite="blocks.1", non_finite_in="signal")
    verdict = judged(made)[1]
    assert verdict is not None
    assert verdict.label == "unstable"


def test_something_not_finite_settles_it() -> None:
    made = verdict(0.0, 0.0, first_non_finite="blocks.1", non_finite_in="signal")
    assert (made.label, made.probability) == ("unstable", 0.0)
    assert "blocks.1" in made.reason


def test_the_probability_is_even_at_the_threshold() -> None:
    assert verdict(-GRADIENT_DECADES, 0.0).probability == pytest.approx(0.5)
    assert verdict(0.0, SIGNAL_DECADES).probability == pytest.approx(0.5)


def test_a_perfect_net_is_likely_to_train_and_a_cut_one_is_not() -> None:
    assert verdict(0.0, 0.0).probability > 0.99
    assert verdict(-math.inf, 0.0).probability < 1e-100


@given(st.floats(0.0, 20.0), DECADES, st.floats(0.0, 10.0), st.sampled_from([-1.0, 1.0]))
def test_a_worse_gradient_never_makes_training_likelier(
    gradient: float, signal: float, more: float, sign: float
) -> None:
    better = verdict(sign * gradient, signal).probability
    assert verdict(sign * (gradient + more), signal).probability <= better


@given(st.floats(0.0, 20.0), st.floats(0.0, 10.0), st.sampled_from([-1.0, 1.0]))
def test_a_worse_signal_never_makes_training_likelier(
    signal: float, more: float, sign: float
) -> None:
    better = verdict(-1.0, sign * signal).probability
    assert verdict(-1.0, sign * (signal + more)).probability <= better


@given(DECADES, DECADES)
def test_a_verdict_other_than_trainable_comes_with_a_finding_and_no_finding_without(
    gradient: float, signal: float
) -> None:
    findings, made = judged(evidence(chain(4), gradient=gradient, signal=signal))
    assert made is not None
    drifts = {"G201", "G202", "A301", "A304"} & set(codes(findings))
    assert (made.label == "trainable") == (not drifts)


def test_the_reason_gives_both_numbers_where_nothing_is_wrong() -> None:
    assert verdict(-0.5, 1.25).reason == (
        "the gradient falls by 0.5 decades from the last block to the first, the signal grows by "
        "1.2 decades from the first block to the last"
    )


def test_what_was_not_measured_is_said() -> None:
    assert verdict(0.0, math.nan).reason.endswith(", the signal was not measured")


def test_of_one_block_it_is_said_that_there_is_nothing_to_compare() -> None:
    _, made = judged(evidence(chain(1), gradient=0.0))
    assert made is not None
    assert made.reason.endswith("there is only one block to compare the signal over")


def test_a_change_that_rounds_to_nothing_stays_level() -> None:
    assert verdict(-0.04, 0.04).reason == (
        "the gradient stays level from the last block to the first, the signal stays level from "
        "the first block to the last"
    )


def test_a_cut_in_the_graph_is_the_reason() -> None:
    made = verdict(-math.inf, 0.0, cut_blocks=("blocks.0", "blocks.1"), cut_before="blocks.2")
    assert made.label == "vanishing"
    assert "autograd's graph is cut in front of blocks.2" in made.reason


def test_infinities_are_words() -> None:
    assert verdict(-math.inf, 0.0).reason == "no gradient at all reaches the first block"
    assert verdict(0.0, -math.inf).reason == "the signal ends at exactly zero"


def test_without_collapse_and_alignment_it_is_not_calibrated() -> None:
    assert verdict(0.0, 0.0).is_calibrated is False


def calibrated(
    collapse: float,
    alignment: float,
    *,
    gradient: float = 0.0,
    signal: float = 0.0,
    similarity: float = 0.1,
    bypass: Bypass | None = None,
) -> tuple[list[Finding], Verdict]:
    """Findings and verdict where collapse and alignment were measured too."""
    blocks = chain(4, similarity=[similarity] * 4)
    made = evidence(blocks, gradient=gradient, signal=signal)
    whole = replace(
        made.end_to_end,
        gradient_collapse=Value.of(collapse),
        input_alignment=Value.of(alignment),
        bypass=bypass,
    )
    findings, verdict = judged(replace(made, end_to_end=whole))
    assert verdict is not None
    return list(findings), verdict


def test_with_collapse_and_alignment_the_probability_is_the_calibrated_one() -> None:
    findings, made = calibrated(0.2, 0.6, gradient=-1.0)
    expected = probability(
        {"collapse": 0.2, "vanish": 1.0, "geometry": math.log10(0.6), "spread": 0.0}
    )
    assert made.is_calibrated
    assert made.label == "trainable"
    assert made.probability == pytest.approx(expected)
    assert not findings
    assert made.reason.endswith(
        "directions of the gradient have a mean cos^2 of 0.20, "
        "the samples keep an alignment of 0.60 with the input"
    )


@pytest.mark.parametrize(
    ("collapse", "alignment", "fields", "label", "code"),
    [
        (0.95, 0.5, {}, "bottleneck", "G203"),
        (0.3, 0.05, {}, "bottleneck", "A305"),
        (0.3, 0.05, {"similarity": 0.999}, "over-smoothing", "A305"),
        (0.3, 0.05, {"gradient": 2.0}, "exploding", "A305"),
        (0.3, 0.05, {"gradient": 4.0, "signal": 2.0}, "exploding", "G202"),
        (0.3, 0.05, {"gradient": -4.0}, "vanishing", "G201"),
    ],
)
def test_what_is_unlikely_to_train_has_a_label_and_one_finding_that_says_why(
    collapse: float, alignment: float, fields: dict[str, float], label: str, code: str
) -> None:
    findings, made = calibrated(collapse, alignment, **fields)
    assert (made.label, codes(findings)) == (label, [code])
    assert made.probability < 0.5
    if code in ("G203", "A305"):
        assert made.reason.startswith(findings[0].reason)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), DECADES, DECADES)
def test_a_calibrated_verdict_says_what_the_findings_say(
    collapse: float, alignment: float, gradient: float, signal: float
) -> None:
    findings, made = calibrated(collapse, alignment, gradient=gradient, signal=signal)
    if made.label == "trainable":
        assert not findings
        assert made.probability >= 0.5
    else:
        assert made.probability <= 0.5
        assert findings or made.label in ("vanishing", "exploding")


def test_a_fall_within_the_limit_that_makes_training_unlikely_is_told_without_a_finding() -> None:
    findings, made = calibrated(0.2, 0.4, gradient=-2.9)
    assert not findings
    assert made.label == "vanishing"
    assert made.probability < 0.5
    assert made.reason.startswith(
        "the gradient falls by more than it does in nets that train: the gradient falls by 2.9"
    )


def test_a_gradient_that_is_no_number_gives_no_verdict() -> None:
    made = evidence(chain(4), gradient=0.0, signal=0.0)
    whole = replace(
        made.end_to_end,
        log10_gradient_ratio=Value(state="nan"),
        gradient_collapse=Value.of(0.2),
        input_alignment=Value.of(0.6),
    )
    assert judged(replace(made, end_to_end=whole))[1] is None


def test_beyond_a_limit_the_probability_is_at_most_even() -> None:
    assert calibrated(0.1, 0.9, gradient=-3.5)[1].probability == 0.5
    made = calibrated(0.1, 0.9, signal=5.0)[1]
    assert (made.label, made.probability) == ("exploding", 0.5)


@given(
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.floats(0.0, 10.0),
)
def test_more_collapse_or_less_geometry_never_makes_training_likelier(
    collapse: float, more: float, alignment: float, less: float, decades: float
) -> None:
    better = calibrated(min(collapse, more), max(alignment, less), gradient=-decades)[1]
    worse = calibrated(max(collapse, more), min(alignment, less), gradient=-decades)[1]
    assert worse.probability <= better.probability


def test_the_narrow_block_is_named() -> None:
    for kind in ("plain", "residual"):
        blocks = chain(5, kind=kind)
        blocks[2] = replace(blocks[2], shape=(8, 2))
        made = evidence(blocks, gradient=0.0, signal=0.0)
        whole = replace(
            made.end_to_end, gradient_collapse=Value.of(0.95), input_alignment=Value.of(0.6)
        )
        found = next(f for f in judged(replace(made, end_to_end=whole))[0] if f.code == "G203")
        is_named = "the 2 numbers that leave blocks.2" in found.reason
        assert is_named == (kind == "plain")  # around a block with a skip other ways lead
        assert found.where == ("blocks.2" if kind == "plain" else "blocks.0")


def test_geometry_is_lost_where_the_samples_turn_alike() -> None:
    blocks = chain(5, similarity=[0.1, 0.2, 0.95, 0.96, 0.97])
    made = evidence(blocks, gradient=0.0, signal=0.0)
    whole = replace(
        made.end_to_end, gradient_collapse=Value.of(0.2), input_alignment=Value.of(0.05)
    )
    findings, _ = judged(replace(made, end_to_end=whole))
    assert [(f.code, f.where) for f in findings] == [("A305", "blocks.2")]


def test_a_cut_is_no_case_for_calibration() -> None:
    made = evidence(
        chain(4), gradient=-math.inf, signal=0.0, cut_blocks=("blocks.0",), cut_before="blocks.1"
    )
    whole = replace(made.end_to_end, gradient_collapse=Value.of(1.0), input_alignment=Value.of(0.5))
    _, verdict = judged(replace(made, end_to_end=whole))
    assert verdict is not None
    assert not verdict.is_calibrated


def code(size: int, *, room: float, width: float = 0.0, shut: float = 0.0) -> Bypass:
    """A latent of `size` numbers with a way of `width` times that around it."""
    widths = {"share": 0.5, "width": width, "shut": shut, "room": room}
    return Bypass(latent="z", size=size, **{k: Value.of(v) for k, v in widths.items()})


def test_a_narrow_latent_is_asked_for_what_it_has_room_for() -> None:
    """Two numbers that carry both directions, and all of the geometry that two can."""
    told = calibrated(0.5, 0.3, bypass=code(2, room=0.5))[1].probability
    assert told == pytest.approx(calibrated(0.1, 0.6)[1].probability)
    assert calibrated(1.0, 0.3, bypass=code(1, room=0.5))[1].probability == pytest.approx(told)


@pytest.mark.parametrize(
    "latent", [code(10, room=0.5), code(2, room=0.5, width=1.0), code(2, room=0.0)]
)
def test_a_wide_latent_or_a_way_around_leaves_no_excuse(latent: Bypass) -> None:
    told = calibrated(0.5, 0.3, bypass=latent)[1].probability
    assert told == pytest.approx(calibrated(0.5, 0.3)[1].probability)


@pytest.mark.parametrize("size", [1, 2, 5, 9])
@pytest.mark.parametrize("width", [0.0, 1.0])
def test_what_is_healthy_with_a_latent_has_the_healthy_quantities(size: int, width: float) -> None:
    latent = code(size, room=0.4, width=width, shut=1.0)
    collapse, alignment = within_code(latent, *healthy_within_code(latent))
    assert alignment == pytest.approx(10 ** HEALTHY["geometry"])
    assert collapse == pytest.approx(HEALTHY["collapse"] if size > 1 else 0.1)


def test_the_advice_for_an_autoencoder_leaves_its_latent_alone() -> None:
    (told,) = calibrated(0.9, 0.05, bypass=code(2, room=0.5))[0]
    assert told.code == "A305"
    assert "none around the latent at z" in told.remedy
    assert "(0.30 in nets that train, with a latent of 2)" in told.reason
