"""Every way to write a skip is found, by the recorder and by the walk, each on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from capture.cases import CASES, Case
from capture.recorded import Net, batch, kinds, recording_of, skips, trace_of, walked

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")


def _cases(is_wrong: Callable[[Case], bool]) -> list[Any]:
    return [
        pytest.param(case, id=name, marks=[pytest.mark.xfail(reason=case.wrong)] * is_wrong(case))
        for name, case in CASES.items()
    ]


@pytest.mark.parametrize("case", _cases(lambda case: bool(case.wrong)))
def test_the_recorder_finds_the_skips(case: Case) -> None:
    assert kinds(trace_of(case.forward)) == case.kinds


@pytest.mark.parametrize("case", _cases(lambda case: bool(case.wrong) and case.walked is None))
def test_the_walk_finds_the_skips_that_autograd_knows_of(case: Case) -> None:
    expected = case.kinds if case.walked is None else case.walked
    assert kinds(walked(Net(case.forward), batch()).trace) == expected, case.because


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=name) for name, c in CASES.items() if c.walked is None]
)
def test_recorder_and_walk_place_the_skips_in_the_same_modules(case: Case) -> None:
    model, x = Net(case.forward), batch()
    assert skips(recording_of(model, x).trace) == skips(walked(model, x).trace)
