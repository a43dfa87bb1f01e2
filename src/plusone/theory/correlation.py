"""How two inputs grow alike over the depth: nets whose inputs all become parallel do not train,
however healthy their gradient is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plusone.errors import InputError
from plusone.theory.activations import (
    FAN_FACTOR,
    STEEP,
    STRAIGHT,
    FloatArray,
    half_square_difference,
    log_moment,
)
from plusone.theory.law import Law
from plusone.theory.setting import Setting, strengths


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorrelationProfile:
    """ln(1 - c) of two inputs' streams before the first block and behind each; entry 0 is given.

    `log_gap` is the mean over patterns of skips, `stderr` its standard error, 0 where there is one
    pattern only. -inf means parallel.
    """

    log_gap: FloatArray
    stderr: FloatArray

    @property
    def gap(self) -> FloatArray:
        """1 - c of the typical pattern."""
        return np.exp(self.log_gap)


def correlation_profile(
    checked: Setting, *, correlation: float = 0.0, num_patterns: int = 32, seed: int = 0
) -> CorrelationProfile:
    """1 - c over the depth, for two inputs of unit second moment and this correlation.

    Of one setting with skips s: w being the branch's share of the stream's second moment behind
    the block, 1 - c goes to

        (1 - w) (1 - c) + w D / V,   D = E (phi(x) - phi(y))^2 / 2,  V = E phi(x)^2

    x and y being Gaussian with correlation c and the second moment that the branch sees (Poole et
    al. 2016, arXiv 1606.05340, section 2; residual: Yang and Schoenholz 2017, arXiv 1712.08969),
    kept in 1 - c so that nothing cancels as c nears 1. With batch norm the same holds of half the
    mean squared difference over the variance in the batch, V being Var phi(x), and the ratio of
    that variance to the second moment is followed beside it; the other samples of the batch are
    independent of the two. Random skips are averaged over `num_patterns` draws.

    Assumes: `Law`'s; for finite width n, ln(1 - c) of a net that makes inputs parallel lies higher,
    by an order of depth/n. Cost: O(depth * num_patterns), times some 1,000 for tanh and GELU.

    Raises:
        InputError: the setting holds several, or the correlation is outside [-1, 1].
    """
    if checked.shape:
        raise InputError("A correlation profile is of one depth, density and gain.")
    if not -1 <= correlation <= 1:
        raise InputError(f"correlation is between -1 and 1, not {correlation!r}.")
    depth, density = int(checked.depth), float(checked.density)
    patterns = _patterns(checked, depth, density, num_patterns, seed)
    law = Law.of(checked)
    num_patterns = patterns.shape[1]
    apart = np.full((depth + 1, num_patterns), 1.0 - correlation)
    log_q, log_total = np.zeros((2, num_patterns))
    log_share = np.zeros((depth + 1, num_patterns))
    for i, a in enumerate(strengths(checked, depth, float(checked.gain)).tolist()):
        if law.batch is not None:
            log_total = _total(law, log_total, a, patterns[i])
        log_q, apart[i + 1] = _step(law, log_q, apart[i], a, patterns[i])
        if law.batch is not None and law.placement == "pre":
            log_share[i + 1] = np.where(np.isneginf(log_total), 0.0, log_q - log_total)
    gaps = apart * np.exp(log_share)
    with np.errstate(divide="ignore"):
        logs = np.log(gaps)
    count = logs.shape[1]
    with np.errstate(invalid="ignore"):
        spread = np.nan_to_num(logs.std(1, ddof=1) if count > 1 else np.zeros(depth + 1))
    return CorrelationProfile(log_gap=logs.mean(1), stderr=spread / math.sqrt(count))


def _patterns(
    checked: Setting, depth: int, density: float, num_patterns: int, seed: int
) -> NDArray[np.bool_]:
    """Depth rows of patterns."""
    if checked.pattern is not None:
        return checked.pattern[:, None]
    if density in (0.0, 1.0):
        return np.full((depth, 1), density == 1.0)
    return np.random.default_rng(seed).random((depth, num_patterns)) < density


def _step(
    law: Law, log_q: FloatArray, gap: FloatArray, strength: float, has_skip: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    seen = np.clip(log_q, STRAIGHT, STEEP) if law.norm == "none" else np.zeros_like(log_q)
    apart = half_square_difference(law.activation, np.exp(seen), gap)
    moment = np.exp(log_moment(law.activation, seen)) if law.batch is None else law.batch.moment
    output = law.output(log_q, strength)
    after = np.logaddexp(np.where(has_skip, log_q, -np.inf), output)
    is_dead = np.isneginf(after)
    share = np.exp(output - np.where(is_dead, 0.0, after))
    mixed = np.where(is_dead, gap, (1 - share) * gap + share * apart / moment)
    if law.placement == "post" and law.norm != "none":
        after = np.where(is_dead, -np.inf, 0.0)
    return after, mixed


def _total(
    law: Law, log_total: FloatArray, strength: float, has_skip: NDArray[np.bool_]
) -> FloatArray:
    """ln of the stream's second moment, the batch's mean included."""
    if strength == 0:
        return np.where(has_skip, log_total, -np.inf)
    second = FAN_FACTOR[law.activation] * float(np.exp(log_moment(law.activation, np.zeros(1)))[0])
    kept = np.where(has_skip, log_total, -np.inf)
    return np.asarray(np.logaddexp(kept, math.log(strength * second)))
