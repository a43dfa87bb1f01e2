"""The models of the zoo as cases of a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zoo.all_models import ALL_MODELS
from zoo.entry import Entry


def entry_cases(is_slow: Callable[[Entry], bool]) -> list[Any]:
    """One case for each model of the zoo."""
    return [
        pytest.param(entry, id=entry.name, marks=[pytest.mark.slow] * is_slow(entry))
        for entry in ALL_MODELS
    ]
