"""The average over random patterns of skips where a block's factor depends on the stream.

The stream's second moment q is a Markov chain over the depth: with a skip q -> q + a c V, without
q -> a c V. So with m_1, m_0 a block's factors at q, the moments of what is left of the depth,

    E_l(q) = p m_1 E_{l+1}(q_1) + (1 - p) m_0 E_{l+1}(q_0)                    (mean of R)
    T_l(q) = p (ln m_1 + T_{l+1}(q_1)) + (1 - p) (ln m_0 + T_{l+1}(q_0))      (mean of ln R)

and the variance by its law of total variance, are functions of q that are handed from the last
block to the first on a grid of ln q, with cubic interpolation. Nothing is sampled, so rare
patterns that dominate the mean are in it. (Derived here; tests compare with all 2^L patterns.)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from plusone.theory.activations import FloatArray
from plusone.theory.law import Law
from plusone.theory.moments import Moments

STEP = 0.02
# A stream this small or this large sees a straight activation to 1e-13.
LOWEST, HIGHEST = -32.0, 64.0
Interpolate = Callable[[FloatArray], FloatArray]


def averaged(law: Law, strength: FloatArray, density: float) -> Moments:
    """The moments of R over independent skips of this density, from q_0 = 1.

    `strength` is a_l for each block. Assumes: `Law`'s. Where a branch of strength 0 may lack its
    skip, R may be 0: E ln R is -inf and Var ln R is NaN. Cost: O(L) times a grid of some hundreds.
    """
    y = _grid(law, strength)
    log_mean, mean_log, variance, used = (np.zeros_like(y) for _ in range(4))
    log_p, log_lack = math.log(density), math.log1p(-density)
    previous = math.nan
    for a in strength[::-1].tolist():
        if a != previous:
            branch, output = law.branch(y, a), law.output(y, a)
            with np.errstate(divide="ignore"):
                log_with, log_without = np.log1p(branch), np.log(branch)
            share = branch / (1 + branch)
            kept, lost = _stencil(y, np.logaddexp(y, output)), _stencil(y, output)
            previous = a
        if a == 0:
            log_mean = log_p + log_mean
            continue
        by_skip = log_p + log_with + kept(log_mean)
        by_branch = log_lack + log_without + lost(log_mean)
        log_mean = np.logaddexp(by_skip, by_branch)
        weight = np.exp(by_skip - log_mean)
        used = weight * (share + kept(used)) + (1 - weight) * (1 + lost(used))
        first, second = log_with + kept(mean_log), log_without + lost(mean_log)
        mean_log = density * first + (1 - density) * second
        within = density * kept(variance) + (1 - density) * lost(variance)
        variance = within + density * (1 - density) * (first - second) ** 2
    start = _stencil(y, np.zeros(1))
    is_cut = bool((strength == 0).any())
    return Moments(
        log_mean=start(log_mean)[0],
        mean_log=np.array(-np.inf) if is_cut else start(mean_log)[0],
        var_log=np.array(np.nan) if is_cut else start(variance)[0],
        num_branches=start(used)[0],
    )


def _grid(law: Law, strength: FloatArray) -> FloatArray:
    """ln q over all that the stream can reach from 1, within the straight ends."""
    low, high = 0.0, 0.0
    live = strength[strength > 0]
    if law.norm != "none":
        low = min(math.log(live.min(initial=1.0) * law.moment), 0.0)
        high = math.log1p(float(live.sum()) * law.moment)
    elif law.activation == "tanh":
        low, high = LOWEST, math.log1p(float(live.sum()))
    else:
        low, high = LOWEST, HIGHEST
    num_points = max(8, math.ceil((high - low) / STEP) + 1)
    return np.linspace(low, high + 1e-9, num_points)


def _stencil(y: FloatArray, at: FloatArray) -> Interpolate:
    """Cubic interpolation from the grid to points; beyond its ends the value at the end."""
    position = np.clip((at - y[0]) / (y[1] - y[0]), 0, len(y) - 1)
    i = np.clip(np.floor(position).astype(np.intp), 1, len(y) - 3)
    t = position - i
    weights = (
        -t * (t - 1) * (t - 2) / 6,
        (t + 1) * (t - 1) * (t - 2) / 2,
        -(t + 1) * t * (t - 2) / 2,
        (t + 1) * t * (t - 1) / 6,
    )

    def interpolated(values: FloatArray) -> FloatArray:
        total: FloatArray = sum(w * values[i + k - 1] for k, w in enumerate(weights))
        return total

    return interpolated
