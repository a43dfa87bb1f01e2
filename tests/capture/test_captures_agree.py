"""Two captures, one truth: recorder and walk find the same skips in models of other packages."""

from __future__ import annotations

import pytest

from capture.entries import entry_cases
from capture.recorded import skips
from plusone.capture.autograd_walk import walk
from plusone.capture.eager import record
from plusone.capture.sandbox import sandbox
from plusone.target import subject_of
from zoo.entry import Entry

pytestmark = pytest.mark.zoo


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("entry", entry_cases(lambda entry: not entry.is_light))
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
