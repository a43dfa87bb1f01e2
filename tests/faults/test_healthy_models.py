"""Nothing is found in healthy models, in training and in evaluation mode."""

from __future__ import annotations

from typing import Any

import pytest

from faults import healthy, held_out, known
from faults.case import Control
from faults.hosts import GPT_MLP, MLP, MLP_PRE, RESNET
from faults.trial import run_control, scan
from faults.zoo_controls import controls as zoo_controls

from support.modes import modes

TUNED, HELD_OUT, ZOO = healthy.tuned(), held_out.controls(), zoo_controls()


def cases(controls: list[Control], why: dict[str, str], *, every: int = 1) -> list[Any]:
    params = []
    for index, control in enumerate(controls):
        for mode, marks in modes(index, every=every):
            title = f"{control.name} ({mode})"
            if control.is_slow or "depth=200" in title:
                marks.append(pytest.mark.slow)
            if title in why:
                marks.append(pytest.mark.xfail(reason=why[title]))
            params.append(pytest.param(control, mode, id=title, marks=marks))
    return params


@pytest.mark.parametrize(("control", "mode"), cases(TUNED, known.HEALTHY))
def test_a_healthy_model_is_silent(control: Control, mode: str) -> None:
    assert not run_control(control, mode).reason


@pytest.mark.long
@pytest.mark.parametrize(("control", "mode"), cases(HELD_OUT, known.HEALTHY))
def test_a_held_out_healthy_model_is_silent(control: Control, mode: str) -> None:
    assert not run_control(control, mode).reason


@pytest.mark.zoo
@pytest.mark.parametrize(("control", "mode"), cases(ZOO, known.ZOO, every=5))
def test_a_model_of_the_zoo_is_silent(control: Control, mode: str) -> None:
    assert not run_control(control, mode).reason


@pytest.mark.parametrize("host", [MLP, MLP_PRE, RESNET, GPT_MLP], ids=lambda host: host.name)
def test_a_full_scan_of_a_healthy_model_is_silent(host: Any) -> None:
    assert scan(host.built(), quick=False).findings == ()


def test_every_control_has_a_title_of_its_own() -> None:
    names = [c.name for c in (*TUNED, *HELD_OUT)]
    assert len(set(names)) == len(names)
    assert {key.rpartition(" (")[0] for key in known.HEALTHY} <= set(names)
