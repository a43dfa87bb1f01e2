"""How a measured interval stands to a predicted one, and what a lab's verdict is made of."""

from __future__ import annotations

import math

import pytest

from plusone.labs.base.claim import Outcome, Prediction, Role, Verdict, judged, overall


def _prediction(role: Role = "claim") -> Prediction:
    return Prediction(key="x", text="a number", low=1.0, high=2.0, role=role)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.0, 2.0, "holds"),
        (1.2, 1.2, "holds"),
        (0.9, 1.1, "mixed"),
        (0.0, 3.0, "mixed"),
        (2.1, 2.2, "fails"),
        (-1.0, 0.99, "fails"),
        (math.nan, math.nan, "fails"),
        (math.inf, math.inf, "fails"),
    ],
)
def test_an_interval_holds_inside_fails_outside_and_is_mixed_across(
    low: float, high: float, verdict: Verdict
) -> None:
    assert judged(_prediction(), low, high) == verdict


def test_an_open_prediction_holds_at_any_height() -> None:
    assert judged(Prediction(key="x", text="x", low=0.0), 1e9, 1e9) == "holds"


def _outcome(role: Role, verdict: Verdict) -> Outcome:
    return Outcome(
        prediction=_prediction(role), mean=1.0, low=1.0, high=1.0, num_seeds=1, verdict=verdict
    )


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([("claim", "holds")], "holds"),
        ([("claim", "fails"), ("claim", "fails")], "fails"),
        ([("claim", "fails"), ("claim", "holds")], "mixed"),
        ([("claim", "mixed")], "mixed"),
        ([("claim", "holds"), ("control", "fails")], "mixed"),
        ([("claim", "fails"), ("control", "fails")], "fails"),
        ([("claim", "holds"), ("limit", "fails")], "holds"),
        ([("claim", "holds"), ("limit", "not measured")], "holds"),
        ([("claim", "holds"), ("control", "not measured")], "mixed"),
        ([("claim", "fails"), ("claim", "not measured")], "mixed"),
    ],
)
def test_a_lab_holds_with_its_claims_and_controls_and_without_its_limits(
    outcomes: list[tuple[Role, Verdict]], verdict: Verdict
) -> None:
    assert overall(tuple(_outcome(*o) for o in outcomes)) == verdict
