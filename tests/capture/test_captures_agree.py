"""Two captures, one truth: recorder and walk find the same skips in models of other packages."""

from __future__ import annotations

from typing import Any

import pytest

from capture.recorded import skips
from plusone.capture.autograd_walk import walk
from plusone.capture.eager import record
from plusone.capture.sandbox import sandbox
from plusone.target import subject_of
from zoo.all_models import ALL_MODELS
from zoo.entry import Entry

from support.modes import modes

pytestmark = pytest.mark.zoo


def cases() -> list[Any]:
    found = []
    for index, entry in enumerate(ALL_MODELS):
        for mode, marks in modes(index, every=5):
            if not entry.is_light:
                marks.append(pytest.mark.slow)
            found.append(pytest.param(entry, mode, id=f"{entry.name} ({mode})", marks=marks))
    return found


@pytest.mark.parametrize(("entry", "mode"), cases())
def test_recorder_and_walk_find_the_same_skips(entry: Entry, mode: str) -> None:
    model, inputs = entry.build()
    model.train(mode == "train")
    subject = subject_of(model, inputs)
    with sandbox(model) as box:
        recorded = record(model, subject.args, subject.kwargs, box=box).trace
        box.restore_contents()
        box.restore_random_state()
        graph = walk(model, subject.args, subject.kwargs, box=box).trace
    assert skips(recorded) == skips(graph)
