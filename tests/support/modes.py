"""Training and evaluation mode as cases: one of the two in the gate, the other in `make full`."""

from __future__ import annotations

from typing import Any

import pytest

_MODES = ("train", "eval")


def modes(index: int) -> list[tuple[str, list[Any]]]:
    """Both modes with their marks; the gate takes each for every second case, by its index."""
    kept = _MODES[index % 2]
    return [(mode, [] if mode == kept else [pytest.mark.long]) for mode in _MODES]
