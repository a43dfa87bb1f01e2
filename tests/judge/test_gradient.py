"""G201 and G202: below and above the threshold, the place, the words."""

from __future__ import annotations

import math

import pytest

from judge.synthetic import block, chain, codes, drift, evidence, found
from plusone.judge.thresholds import GRADIENT_DECADES, NORMED_GRADIENT_DECADES
from plusone.records import BlockReport, Value


def falling(steps: list[float]) -> list[BlockReport]:
    """Blocks by each of which the gradient falls by some decades on its way down."""
    norms = [10.0 ** -sum(steps[k + 1 :]) for k in range(len(steps))]
    return chain(len(steps), kind="plain", gradient_norm=norms)


def test_a_gradient_at_the_threshold_is_no_finding() -> None:
    steps = [GRADIENT_DECADES / 10] * 10
    assert found(drift(falling(steps), -GRADIENT_DECADES)) == []


def test_a_gradient_beyond_the_threshold_vanishes() -> None:
    steps = [0.31] * 10
    (finding,) = found(drift(falling(steps), -3.1))
    assert (finding.code, finding.where) == ("G201", "blocks.0")
    assert finding.value.value == pytest.approx(-3.1)
    assert finding.threshold.value == -GRADIENT_DECADES


def test_the_place_is_the_first_block_of_those_that_lose_it() -> None:
    steps = [0.0] * 12 + [0.5] * 10 + [0.0] * 8
    (finding,) = found(drift(falling(steps), -5.0))
    assert finding.where == "blocks.12"
    assert "falls by 5.0 decades from blocks.12 to blocks.21" in finding.reason


def test_one_block_that_loses_it_all_is_named_alone() -> None:
    steps = [0.0] * 4 + [4.0] + [0.0] * 4
    (finding,) = found(drift(falling(steps), -4.0))
    assert finding.where == "blocks.4"
    assert finding.reason == (
        "the gradient at the first block is 10,000 times smaller than at the last; it falls by "
        "4.0 decades in blocks.4"
    )


def test_a_loss_within_the_first_block_is_seen() -> None:
    steps = [4.0, *[0.0] * 8]
    (finding,) = found(drift(falling(steps), -4.0))
    assert finding.where == "blocks.0"


def test_a_gradient_that_grows_explodes() -> None:
    steps = [-0.4] * 10
    (finding,) = found(evidence(falling(steps), gradient=4.0, signal=3.0))
    assert (finding.code, finding.where) == ("G202", "blocks.0")
    assert "10,000 times larger" in finding.reason


def test_a_gradient_may_grow_further_where_the_signal_keeps_its_size() -> None:
    steps = [-0.4] * 10
    assert found(evidence(falling(steps), gradient=4.0, signal=0.5)) == []
    beyond = evidence(falling(steps), gradient=NORMED_GRADIENT_DECADES + 0.1, signal=0.5)
    assert codes(found(beyond)) == ["G202"]


def test_an_unmeasured_signal_gives_no_more_room() -> None:
    assert codes(found(evidence(falling([-0.4] * 10), gradient=4.0))) == ["G202"]


def test_no_gradient_at_all_is_blamed_on_the_block_that_passes_none_on() -> None:
    blocks = chain(6, kind="plain", gradient_norm=[0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    (finding,) = found(drift(blocks, -math.inf))
    assert (finding.code, finding.where) == ("G201", "blocks.3")
    assert finding.value.state == "-inf"
    assert finding.reason == ("no gradient at all reaches the first block: blocks.3 passes none on")


def test_no_gradient_for_want_of_a_signal_is_blamed_on_the_block_that_silences_it() -> None:
    blocks = chain(
        5,
        kind="plain",
        gradient_norm=[0.0, 0.0, 0.0, 0.0, 1.0],
        signal_rms=[1.0, 1.0, 0.0, 0.0, 0.0],
    )
    findings = found(evidence(blocks, gradient=-math.inf, signal=-math.inf))
    assert {(f.code, f.where) for f in findings} == {("G201", "blocks.2"), ("A304", "blocks.2")}


def test_zeros_by_underflow_are_a_slope_and_no_cut() -> None:
    norms = [0.0] * 20 + [10.0 ** (-2 * k) for k in range(19, -1, -1)]
    blocks = chain(40, kind="plain", gradient_norm=norms)
    (finding,) = [f for f in found(drift(blocks, -math.inf)) if f.code == "G201"]
    assert finding.where in ("blocks.20", "blocks.21")


def test_a_block_without_a_measured_gradient_is_passed_over() -> None:
    blocks = falling([0.5] * 10)
    blocks[3] = block("beside", kind="plain", gradient_norm=Value())
    blocks[5] = block("shut", kind="plain", gradient_norm=0.0)
    (finding,) = found(drift(blocks, -5.0))
    assert finding.where in ("blocks.0", "blocks.1")


def test_nothing_is_said_of_a_gradient_beside_something_that_is_not_finite() -> None:
    made = evidence(falling([1.0] * 6), gradient=-6.0, first_non_finite="blocks.2")
    assert codes(found(made)) == ["N501"]


def test_a_ratio_without_blocks_has_no_place() -> None:
    (finding,) = found(evidence([], gradient=-4.0))
    assert (finding.code, finding.where) == ("G201", "")


def test_no_gradient_for_want_of_a_signal_that_underflows_starts_with_its_slope() -> None:
    sizes = [10.0 ** (-2.0 * k) for k in range(20)] + [0.0] * 6
    blocks = chain(26, kind="plain", signal_rms=sizes, gradient_norm=[0.0] * 25 + [1.0])
    findings = found(evidence(blocks, gradient=-math.inf, signal=-math.inf))
    assert {(f.code, f.where) for f in findings} == {("G201", "blocks.0"), ("A304", "blocks.0")}


def test_blocks_in_front_of_a_cut_are_named_with_the_place_of_the_cut() -> None:
    cut = {"cut_blocks": ("blocks.0", "blocks.1"), "cut_before": "blocks.2"}
    (finding,) = found(evidence(chain(4), gradient=-math.inf, signal=0.0, **cut))
    assert (finding.code, finding.where) == ("G201", "blocks.2")
    assert "no gradient reaches the weights of blocks.0 to blocks.1" in finding.reason
    assert "requires_grad_(False)" in finding.remedy


def test_a_cut_in_front_of_the_head_is_behind_the_last_block() -> None:
    (finding,) = found(evidence(chain(2), gradient=-math.inf, cut_blocks=("blocks.1",)))
    assert finding.where == "blocks.1"
    assert "cut behind blocks.1" in finding.reason


def test_the_place_is_on_the_trunk() -> None:
    trunk = falling([0.0, 0.0, 2.0, 2.0, 0.0])
    beside = block("beside", kind="plain", gradient_norm=1e-9)
    made = evidence([beside, *trunk], gradient=-4.0, signal=0.0, trunk=[b.name for b in trunk])
    (finding,) = found(made)
    assert "falls by 4.0 decades from blocks.2 to blocks.3" in finding.reason
