"""What was measured of a piece of a chain, as it is kept: by name, plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Measured = Mapping[str, object]
Pieces = Sequence[Measured]


def array(piece: Measured, key: str) -> np.ndarray:
    """A value as an array of floats."""
    return np.asarray(piece[key], dtype=float)


def number(piece: Measured, key: str) -> float:
    """A value as one float."""
    return float(array(piece, key))


def num_bonds(piece: Measured) -> int:
    """How many disulfide bonds it has."""
    return len(array(piece, "bond list"))
