"""All that the closed forms say about one stack of blocks: what `plusone predict` shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plusone.errors import InputError
from plusone.theory.activations import FAN_FACTOR
from plusone.theory.bounds import Bounds, bounds
from plusone.theory.correlation import CorrelationProfile, correlation_profile
from plusone.theory.prediction import Prediction
from plusone.theory.setting import Setting, strengths
from plusone.theory.window import Stack, largest_density, largest_depth, smallest_density

MOST_DEPTH = 10_000
"""The greatest depth that is asked whether a density lets it train."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """One prediction with the correlation of two inputs, the bounds and the window around it.

    `bounds` is of the spectral norms of Gaussian branches, and None where a norm divides them by
    what they are fed. `largest_depth` is the depth up to which this density is trainable, and
    `densities` the least and the greatest density with which this depth is; both are None with a
    pattern or a scale for each block, which say nothing of others, and `densities` is (nan, nan)
    where there is none.
    """

    prediction: Prediction
    correlation: CorrelationProfile
    bounds: Bounds | None
    largest_depth: int | None
    densities: tuple[float, float] | None


def outlook(prediction: Prediction) -> Outlook:
    """The outlook of a prediction of one depth, density and gain.

    Cost: some hundred predictions, and O(depth) for the correlation.

    Raises:
        InputError: the prediction is of several settings.
    """
    setting = prediction.setting
    if setting.shape:
        raise InputError("An outlook is of one depth, density and gain.")
    depth, density = int(setting.depth), float(setting.density)
    largest, densities = None, None
    if setting.pattern is None and isinstance(setting.scale, int | float | str):
        stack = Stack(
            gain=float(setting.gain),
            scale=setting.scale,
            norm=setting.norm,
            placement=setting.placement,
            activation=setting.activation,
            batch=setting.batch,
            window=prediction.window,
        )
        largest = largest_depth(density, stack, most=MOST_DEPTH)
        densities = smallest_density(depth, stack), largest_density(depth, stack)
    return Outlook(
        prediction=prediction,
        correlation=correlation_profile(setting),
        bounds=_bounds(setting),
        largest_depth=largest,
        densities=densities,
    )


def _bounds(setting: Setting) -> Bounds | None:
    """Bounds with beta = 2 alpha sqrt(c gain), the norm of a wide square Gaussian matrix.

    No slope of these activations is above 1 but GELU's, 1.129 at sqrt(2).
    """
    if setting.norm != "none":
        return None
    steepest = 1.129 if setting.activation == "gelu" else 1.0
    strength = strengths(setting, int(setting.depth), float(setting.gain))
    return bounds(2 * steepest * np.sqrt(strength * FAN_FACTOR[setting.activation]))
