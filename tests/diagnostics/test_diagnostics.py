"""Each structural diagnostic finds its fault, and leaves healthy models alone."""

from __future__ import annotations

import pytest

from diagnostics import bottleneck_cases, bypass_cases, detail_cases, held_out_cases
from diagnostics.case import Case, is_accused

pytestmark = [pytest.mark.zoo, pytest.mark.lab]

CASES = [
    case
    for cases in (detail_cases, bottleneck_cases, bypass_cases, held_out_cases)
    for case in (*cases.faulty(), *cases.healthy())
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.code} {c.source}: {c.name}")
@pytest.mark.filterwarnings("ignore")
def test_a_fault_is_found_and_a_healthy_model_left_alone(
    case: Case, request: pytest.FixtureRequest
) -> None:
    if case.miss:
        request.applymarker(pytest.mark.xfail(reason=case.miss, raises=AssertionError))
    assert is_accused(case) == case.has_fault


@pytest.mark.parametrize("code", ["S105", "S106", "S107"])
def test_there_are_ten_models_with_each_fault_and_ten_without(code: str) -> None:
    own = [case for case in CASES if case.code == code]
    assert sum(case.has_fault for case in own) >= 10
    assert sum(not case.has_fault for case in own) >= 10


def test_names_of_cases_are_unique() -> None:
    names = [(c.code, c.has_fault, c.source, c.name) for c in CASES]
    assert len(set(names)) == len(names)
