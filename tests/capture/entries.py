"""The models of the zoo as cases of a test."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

from zoo.entry import Entry


def entries() -> tuple[Entry, ...]:
    """Every model of the zoo."""
    if find_spec("zoo.all_models") is not None:
        from zoo.all_models import ALL_MODELS

        return tuple(ALL_MODELS)
    from zoo.graph_models import GRAPH_MODELS
    from zoo.image_models import IMAGE_MODELS
    from zoo.language_models import LANGUAGE_MODELS

    return (*IMAGE_MODELS, *GRAPH_MODELS, *LANGUAGE_MODELS)


def entry_cases(is_slow: Callable[[Entry], bool], known: dict[str, str] | None = None) -> list[Any]:
    """One case for each entry; `known` gives the reason why the test fails on some."""
    cases = []
    for entry in entries():
        marks: list[Any] = [pytest.mark.slow] if is_slow(entry) else []
        if entry.name in (known or {}):
            marks.append(pytest.mark.xfail(reason=(known or {})[entry.name]))
        cases.append(pytest.param(entry, id=entry.name, marks=marks))
    return cases
