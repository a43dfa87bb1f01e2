"""The quantities of the verdict: few, each with a meaning, chosen on the fit families alone."""

from __future__ import annotations

import numpy as np
from benchmarks.trainability.fit import Quantity
from benchmarks.trainability.scores import Array
from benchmarks.trainability.table import Table


def clipped(value: Array, low: float, high: float, *, missing: float) -> Array:
    """Within bounds; `missing` where it was not measured."""
    return np.clip(np.where(np.isnan(value), missing, value), low, high)


def _directions(table: Table) -> Array:
    return clipped(table["directions"], 0.0, 2.0, missing=0.0)


def _gradient_range(table: Table) -> Array:
    return clipped(table["gradient_range"], 0.0, 8.0, missing=8.0)


def _alike(table: Table) -> Array:
    return clipped(table["alike_last"], -6.0, 0.0, missing=-6.0)


QUANTITIES = (
    Quantity(
        name="directions",
        meaning="log10 of 1 / E cos^2 between the gradients that random cotangents of the last "
        "block send to the first (0 to 2)",
        read=_directions,
    ),
    Quantity(
        name="gradient_range",
        meaning="decades between the largest and the smallest gradient norm of a block (0 to 8)",
        read=_gradient_range,
    ),
    Quantity(
        name="alike",
        meaning="log10 (1 - c), c the mean cosine of two samples at the last block (-6 to 0)",
        read=_alike,
    ),
)
