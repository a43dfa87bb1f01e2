"""The quantities of the verdict: few, each with a meaning, chosen on the fit families alone.

How they were chosen: forward selection by the log loss with each family left out once, among the
columns of `features` in plain forms (log, absolute value, one side, bounds), then the plainest
of the sets that came out equal, with each kind left out once as the second judge.
"""

from __future__ import annotations

import numpy as np
from benchmarks.trainability.fit import Quantity
from benchmarks.trainability.scores import Array
from benchmarks.trainability.table import Table

MAX_DECADES = 6.0
MAX_DRIFT = 8.0
LEAST_ALIGNMENT = 0.03


def _bounded(value: Array, low: float, high: float, *, missing: float) -> Array:
    """Within bounds; `missing` where it was not measured or not finite."""
    return np.clip(np.where(np.isnan(value), missing, value), low, high)


def _collapse(table: Table) -> Array:
    return _bounded(table["output_collapse"], 0.0, 1.0, missing=1.0)


def _vanishing(table: Table) -> Array:
    return _bounded(-table["gradient_ratio"], 0.0, MAX_DECADES, missing=MAX_DECADES)


def _alignment(table: Table) -> Array:
    kept = _bounded(table["alignment"], LEAST_ALIGNMENT, 1.0, missing=LEAST_ALIGNMENT)
    return np.log10(kept)


def _drift(table: Table) -> Array:
    return _bounded(table["signal_range"], 0.0, MAX_DRIFT, missing=MAX_DRIFT)


QUANTITIES = (
    Quantity(
        name="collapse",
        meaning="mean cos^2 between the gradients that two random cotangents of the output send "
        "to the first block's input, in one sample: near 1 / (directions that the Jacobian keeps "
        "apart); from 0 to 1",
        read=_collapse,
    ),
    Quantity(
        name="vanishing",
        meaning="decades by which the gradient is smaller at the first block than at the last "
        "(0 where it is larger, at most 6)",
        read=_vanishing,
    ),
    Quantity(
        name="alignment",
        meaning="log10 of the centred kernel alignment between the cosines of the samples at the "
        "first block's input and at the last block's output: 0 where distances are kept; from "
        "log10(0.03)",
        read=_alignment,
    ),
    Quantity(
        name="drift",
        meaning="decades between the largest and the smallest rms of the signal at a block's "
        "output (at most 8)",
        read=_drift,
    ),
)
