"""The skips of models that nobody here wrote, against what their definitions say."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from plusone.capture.eager import record
from plusone.capture.sandbox import sandbox
from plusone.graph.skipgraph import find_skips
from plusone.target.subject import subject_of
from zoo.all_models import ALL_MODELS
from zoo.entry import Entry, Skips

pytestmark = pytest.mark.zoo


def _cases() -> list[object]:
    cases = []
    for entry in ALL_MODELS:
        marks = [pytest.mark.slow] if entry.is_slow else []
        if entry.wrong:
            marks.append(pytest.mark.xfail(reason=entry.wrong, raises=AssertionError))
        cases.append(pytest.param(entry, id=entry.name, marks=marks))
    return cases


@pytest.mark.parametrize("entry", _cases())
@pytest.mark.filterwarnings("ignore")
def test_the_skips_are_those_of_the_definition(entry: Entry) -> None:
    model, inputs = entry.build()
    subject = subject_of(model, inputs)
    with sandbox(subject.model) as box:
        torch.manual_seed(0)
        graph = find_skips(record(subject.model, subject.args, subject.kwargs, box=box).trace)
    assert Skips(**Counter(skip.kind for skip in graph.skips)) == entry.skips


def test_names_of_the_zoo_are_unique() -> None:
    names = [entry.name for entry in ALL_MODELS]
    assert len(set(names)) == len(names)
