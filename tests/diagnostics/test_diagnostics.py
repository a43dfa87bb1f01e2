"""Each diagnostic finds its fault, and leaves healthy models alone."""

from __future__ import annotations

import pytest
import torch

import plusone
from diagnostics import (
    bottleneck_cases,
    bypass_cases,
    critic_cases,
    detail_cases,
    held_out_cases,
    held_out_later_cases,
    held_out_mixing_cases,
    smoothing_cases,
)
from diagnostics.case import Case, is_accused

pytestmark = [pytest.mark.zoo, pytest.mark.lab]

MODULES = (
    detail_cases,
    bottleneck_cases,
    bypass_cases,
    smoothing_cases,
    critic_cases,
    held_out_cases,
    held_out_mixing_cases,
    held_out_later_cases,
)
CASES = [case for cases in MODULES for case in (*cases.faulty(), *cases.healthy())]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.code} {c.source}: {c.name}")
@pytest.mark.filterwarnings("ignore")
def test_a_fault_is_found_and_a_healthy_model_left_alone(
    case: Case, request: pytest.FixtureRequest
) -> None:
    if case.miss:
        request.applymarker(pytest.mark.xfail(reason=case.miss, raises=AssertionError))
    assert is_accused(case) == case.has_fault


@pytest.mark.parametrize(
    "case", list(smoothing_cases.faulty()), ids=lambda c: f"{c.source}: {c.name}"
)
@pytest.mark.filterwarnings("ignore")
def test_fix_keeps_the_positions_of_an_over_smoothed_net_apart(case: Case) -> None:
    torch.manual_seed(0)
    built = case.build()
    plan = plusone.fix(built.model, built.inputs, trial_steps=0).plan
    assert plan.predicted is not None
    assert "A302" in plan.predicted.before.trouble
    assert plan.predicted.after.trouble == ()
    assert plan.predicted.after.label == "trainable"


@pytest.mark.parametrize("code", ["S105", "S106", "S107", "A302", "G201"])
def test_there_are_ten_models_with_each_fault_and_ten_without(code: str) -> None:
    own = [case for case in CASES if case.code == code]
    assert sum(case.has_fault for case in own) >= 10
    assert sum(not case.has_fault for case in own) >= 10


def test_names_of_cases_are_unique() -> None:
    names = [(c.code, c.has_fault, c.source, c.name) for c in CASES]
    assert len(set(names)) == len(names)
