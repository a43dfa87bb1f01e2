"""Which of many cases the gate takes; `make full` takes all."""

from __future__ import annotations

from typing import Any

import pytest

_MODES = ("train", "eval")


def modes(index: int, *, every: int = 1) -> list[tuple[str, list[Any]]]:
    """Training and evaluation mode with their marks.

    The gate takes one of them, each in turn, for every so many cases.
    """
    kept = _MODES[index // every % 2]
    return [(mode, gate(index if mode == kept else -1, every=every)) for mode in _MODES]


def gate(index: int, *, every: int) -> list[Any]:
    """No mark for every so many cases by their index, and `long` for the others."""
    return [] if index >= 0 and index % every == 0 else [pytest.mark.long]
