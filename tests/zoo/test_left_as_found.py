"""Every model of the zoo comes back bit by bit from a scan, also from one that was interrupted.

The gate takes every tenth model and interrupts one stage of its scan, drawn for each; some light
ones have their spectra measured. `make full` takes all.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import nn

from capture.fingerprint import differences, fingerprint
from capture.interrupt import interrupt, phases
from plusone.errors import PlusoneError
from plusone.records import ScanConfig
from zoo.all_models import ALL_MODELS
from zoo.entry import Entry

from support.modes import gate

pytestmark = pytest.mark.zoo

# Spectra take most of the time; they run where the entry is light.
_EACH = 4
_FULL = ScanConfig(samples=1, tolerance=0.5)
_QUICK = ScanConfig(quick=True)


def cases() -> list[Any]:
    found = []
    for index, entry in enumerate(ALL_MODELS):
        marks = [pytest.mark.slow] * entry.is_slow + gate(index, every=10)
        config = _FULL if entry.is_light and index % _EACH == 0 else _QUICK
        found.append(pytest.param(entry, config, 1, id=entry.name, marks=marks))
        name, marks = f"{entry.name}, every stage", [*marks, pytest.mark.long]
        config = _FULL if entry.is_light else _QUICK
        found.append(pytest.param(entry, config, 100, id=name, marks=marks))
    return found


def _in_training(entry: Entry) -> tuple[nn.Module, Any]:
    """The model in train mode, with a gradient at every third parameter."""
    model, inputs = entry.build()
    model.train()
    for parameter in [p for p in model.parameters() if p.is_floating_point()][::3]:
        parameter.grad = torch.randn_like(parameter)
    return model, inputs


@pytest.mark.parametrize(("entry", "config", "most"), cases())
def test_a_scan_leaves_the_model_as_found_also_when_it_is_interrupted(
    entry: Entry, config: ScanConfig, most: int
) -> None:
    model, inputs = _in_training(entry)
    before = fingerprint(model)
    try:
        stages = phases(model, inputs, config)
    except PlusoneError:  # other tests say whether it should run; this one, what it leaves
        stages = {}
    assert differences(before, fingerprint(model)) == []
    dice = random.Random(entry.name)
    chosen = dice.sample(list(stages.items()), min(most, len(stages)))
    for i, (stage, numbers) in enumerate(chosen, start=dice.randrange(2)):
        at, error = dice.choice(numbers), (KeyboardInterrupt, RuntimeError)[i % 2]
        assert interrupt(model, inputs, config, at=at, error=error)
        left = differences(before, fingerprint(model))
        assert left == [], f"{error.__name__} at operation {at} ({stage})"
