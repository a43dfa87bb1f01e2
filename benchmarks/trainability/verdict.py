"""The quantities of the verdict: few, each with a meaning, chosen on the fit families alone.

How they were chosen: forward selection by the log loss with each family left out once, among the
columns of `features` in plain forms (log, absolute value, one side, bounds), with each kind and
each pattern left out once as further judges. A fifth quantity did not help any more.

The first choice was another one: `output_collapse`, the decades by which the gradient vanishes, the
alignment of the last block with the first, and the range of the signal. On the 217 rows that were
held out then it had AUC 0.952 and a calibration error of 0.055. The list of its errors showed that
"the last block" is the head in a plain net and the last join in a residual one, so that alignment
meant two things; `input_alignment` was added to the features, and the choice was made anew. So the
rows of held-out families from seed FROZEN on are those that nobody had seen when it was made.
"""

from __future__ import annotations

import numpy as np
from benchmarks.trainability.fit import Quantity
from benchmarks.trainability.scores import Array
from benchmarks.trainability.table import Table

FROZEN = 760
MAX_DECADES = 6.0
LEAST_ALIGNMENT = 0.03


def _bounded(value: Array, low: float, high: float, *, missing: float) -> Array:
    """Within bounds; `missing` where it was not measured or not finite."""
    return np.clip(np.where(np.isnan(value), missing, value), low, high)


def _collapse(table: Table) -> Array:
    return _bounded(table["output_collapse"], 0.0, 1.0, missing=1.0)


def _stretch(table: Table) -> Array:
    return _bounded(table["quick_median"], 0.0, MAX_DECADES, missing=MAX_DECADES)


def _shrink(table: Table) -> Array:
    return _bounded(-table["quick_median"], 0.0, MAX_DECADES, missing=MAX_DECADES)


def _geometry(table: Table) -> Array:
    kept = _bounded(table["input_alignment"], LEAST_ALIGNMENT, 1.0, missing=LEAST_ALIGNMENT)
    return np.log10(kept)


QUANTITIES = (
    Quantity(
        name="collapse",
        meaning="mean cos^2 between the gradients that two random cotangents of the output send "
        "to the first block's input, in one sample: near 1 / (directions that the Jacobian keeps "
        "apart); from 0 to 1",
        read=_collapse,
    ),
    Quantity(
        name="stretch",
        meaning="decades by which the median singular value of the Jacobian, from the first "
        "block's input to the last block's output, is above 1; 0 to 6 (both are 0 for an "
        "isometry: Saxe et al. 2014, Pennington et al. 2017)",
        read=_stretch,
    ),
    Quantity(
        name="shrink",
        meaning="decades by which it is below 1; 0 to 6",
        read=_shrink,
    ),
    Quantity(
        name="geometry",
        meaning="log10 of the centred kernel alignment between the inputs' scalar products and "
        "the cosines of what the last layer reads: 0 where distances are kept; from log10(0.03)",
        read=_geometry,
    ),
)
