"""Every planted fault is found, with the right code at the right block, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from faults import held_out, known, tables
from faults.case import Fault
from faults.trial import is_at, run_fault

from support.modes import gate

TUNED, HELD_OUT = tables.tuned(), held_out.faults()
# At this depth a scan takes seconds.
DEEP = ("depth=200", "200 plain")


def cases(faults: list[Fault]) -> list[Any]:
    params = []
    for index, fault in enumerate(faults):
        title = f"{fault.kind}: {fault.name}"
        marks = gate(index, every=3)
        if any(word in title for word in DEEP):
            marks.append(pytest.mark.slow)
        if title in known.FAULTS:
            marks.append(pytest.mark.xfail(reason=known.FAULTS[title]))
        params.append(pytest.param(fault, id=title, marks=marks))
    return params


@pytest.mark.parametrize("fault", cases(TUNED))
def test_a_planted_fault_is_found_and_nothing_else(fault: Fault) -> None:
    outcome = run_fault(fault)
    assert not outcome.reason
    assert not outcome.wrong


@pytest.mark.long
@pytest.mark.parametrize("fault", cases(HELD_OUT))
def test_a_held_out_fault_is_found_and_nothing_else(fault: Fault) -> None:
    outcome = run_fault(fault)
    assert not outcome.reason
    assert not outcome.wrong


def one_of_each_kind() -> list[Any]:
    chosen = {}
    for fault in TUNED:
        if f"{fault.kind}: {fault.name}" not in known.FAULTS:
            chosen.setdefault(fault.kind, fault)
    return [pytest.param(fault, id=kind) for kind, fault in chosen.items()]


@pytest.mark.parametrize("fault", one_of_each_kind())
def test_a_full_scan_finds_what_a_quick_one_finds(fault: Fault) -> None:
    outcome = run_fault(fault, quick=False)
    assert not outcome.reason
    assert not outcome.wrong


def test_every_case_has_a_title_of_its_own() -> None:
    titles = [f"{f.kind}: {f.name}" for f in (*TUNED, *HELD_OUT)]
    assert len(set(titles)) == len(titles)
    assert set(known.FAULTS) <= set(titles)


def test_held_out_cases_are_others_than_those_the_rules_were_set_with() -> None:
    assert not {f.name for f in TUNED} & {f.name for f in HELD_OUT}
    assert {f.kind for f in TUNED} == {f.kind for f in HELD_OUT}


@pytest.mark.parametrize(
    ("where", "right"),
    [
        ("blocks.3", True),
        ("blocks.3.first", True),
        ("blocks.3#2", True),
        ("blocks.31", False),
        ("blocks", False),
        ("", False),
    ],
)
def test_a_place_is_right_if_it_is_the_block_or_inside_it(where: str, right: bool) -> None:
    assert is_at(where, ("blocks.3",)) is right
