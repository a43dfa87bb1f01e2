"""The prediction for a stack of blocks, before there is a model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plusone.errors import InputError
from plusone.theory.activations import FAN_FACTOR, FloatArray
from plusone.theory.batchnorm import end_factor, post_ends
from plusone.theory.chain import chain
from plusone.theory.law import Law
from plusone.theory.moments import Moments
from plusone.theory.patterns import averaged
from plusone.theory.setting import Scale, Setting, alpha_squared, setting, strengths
from plusone.theory.stream import stream_moments

LN10 = math.log(10.0)
WINDOW = 3.0
"""Decades of |g|, up or down, that a net is let: those of the rules' GRADIENT_DECADES."""
LABELS = np.array(["vanishing", "trainable", "exploding"])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """What initialisation does to a gradient on its way from the output to the input.

    g is the gradient with respect to the stream, R = |g_in|^2 / |g_out|^2; logarithms are natural.
    Every field but `setting` and `window` is an array of the setting's shape.

    log_second_moment   ln E R: the mean, which a few rare nets can dominate
    mean_log_norm       E ln(|g_in| / |g_out|): the typical net
    var_log_norm        the variance of ln(|g_in| / |g_out|) over nets
    effective_depth     mean number of branches on the paths that carry E R
    window              the label's bound in decades of the norm
    """

    setting: Setting
    log_second_moment: FloatArray
    mean_log_norm: FloatArray
    var_log_norm: FloatArray
    effective_depth: FloatArray
    window: float = WINDOW

    @property
    def log10_rms_norm(self) -> FloatArray:
        """log10 sqrt(E R): the root mean square of the norm's ratio, in decades."""
        return self.log_second_moment / (2 * LN10)

    @property
    def log10_typical_norm(self) -> FloatArray:
        """E log10(|g_in| / |g_out|): the typical norm's ratio, in decades."""
        return self.mean_log_norm / LN10

    @property
    def rare_decades(self) -> FloatArray:
        """By how many decades the root mean square exceeds the typical norm."""
        return self.log10_rms_norm - self.log10_typical_norm

    @property
    def label(self) -> NDArray[np.str_]:
        """vanishing, trainable or exploding: where the typical norm is, against the window."""
        decades = self.log10_typical_norm
        return LABELS[1 + (decades > self.window).astype(np.int8) - (decades < -self.window)]


def predict(
    depth: ArrayLike | None = None,
    density: ArrayLike | None = None,
    *,
    gain: ArrayLike = 1.0,
    scale: Scale = 1.0,
    norm: str = "none",
    placement: str = "pre",
    activation: str = "linear",
    width: int | None = None,
    batch: int | None = None,
    pattern: ArrayLike | None = None,
    window: float = WINDOW,
) -> Prediction:
    """The second moment and the typical norm of the gradient at the input, in closed form.

    `depth` (blocks), `density` (probability of a skip) and `gain` (factor of the weights' variance;
    1 is He's initialisation) are numbers or arrays that broadcast. `scale` multiplies the branch: a
    number, "1/sqrt(L)", "1/L" or one number per block. `norm` is "none", "layer" or "batch", its
    `placement` "pre" (in the branch) or "post" (behind the sum), `activation` "linear", "relu",
    "tanh" or "gelu". `width` is the number of units and `batch` that of samples in a batch norm;
    without them both are taken as infinite. A `pattern` of skips, one truth value per block, stands
    in place of depth and density. `window` is the label's bound in decades.

    Assumes: `Law`'s. With a `width` and no norm, linear branches are exact in n and ReLU's to order
    1/n (see `width`); elsewhere width is taken as infinite, which for norms errs by some 8/n in
    ln E R and for tanh by more where its second moment is near a fixed point. Cost: a few
    logarithms an entry where blocks are independent (linear or ReLU without norm, post-norm) and
    no width is given for ReLU; else O(depth) an entry, times a grid of hundreds for random skips.

    Raises:
        InputError: an option is out of range, unknown, or contradicts another.
    """
    if not (isinstance(window, int | float) and window > 0):
        raise InputError(f"window is a positive number of decades, not {window!r}.")
    checked = setting(
        depth,
        density,
        gain=gain,
        scale=scale,
        norm=norm,
        placement=placement,
        activation=activation,
        width=width,
        batch=batch,
        pattern=pattern,
    )
    law = Law.of(checked)
    found = chain(checked, law) if law.is_memoryless else _by_recursion(checked, law)
    ends = _ends(checked, law, found.log_mean)
    return Prediction(
        setting=checked,
        log_second_moment=found.log_mean + ends,
        mean_log_norm=(found.mean_log + ends) / 2,
        var_log_norm=found.var_log / 4,
        effective_depth=found.num_branches,
        window=float(window),
    )


def _ends(checked: Setting, law: Law, log_mean: FloatArray) -> FloatArray:
    """What a batch norm of finitely many samples does at the first and the last block."""
    if law.batch is None or law.batch.num_samples is None:
        return np.zeros(checked.shape)
    if law.placement == "post":
        density = checked.density if checked.pattern is None else np.array(1.0 * checked.pattern[0])
        first = checked.gain * alpha_squared(checked)
        change = post_ends(law.batch, first, density, FAN_FACTOR[law.activation])
        return np.broadcast_to(change, checked.shape)
    with np.errstate(divide="ignore"):
        by_skips = checked.depth.astype(np.float64) * np.log(checked.density)
    return end_factor(law.batch, log_mean, by_skips)


def _by_recursion(checked: Setting, law: Law) -> Moments:
    depth, density, gain = np.broadcast_arrays(checked.depth, checked.density, checked.gain)
    fields = np.zeros((4, *checked.shape))
    for i in np.ndindex(checked.shape):
        strength = strengths(checked, int(depth[i]), float(gain[i]))
        one = _one(law, strength, float(density[i]), checked.pattern)
        fields[(slice(None), *i)] = one.log_mean, one.mean_log, one.var_log, one.num_branches
    return Moments(
        log_mean=fields[0], mean_log=fields[1], var_log=fields[2], num_branches=fields[3]
    )


def _one(
    law: Law, strength: FloatArray, density: float, pattern: NDArray[np.bool_] | None
) -> Moments:
    if pattern is None and 0 < density < 1:
        return averaged(law, strength, density)
    given = np.full(len(strength), density == 1) if pattern is None else pattern
    return stream_moments(law, strength, given)
