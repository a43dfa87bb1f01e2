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
from functools import lru_cache

import numpy as np

from plusone.theory.activations import FloatArray
from plusone.theory.law import Law
from plusone.theory.moments import Moments

STEP, COARSE = 0.02, 0.05
# A stream this small or this large sees a straight activation to 1e-13.
LOWEST, HIGHEST = -32.0, 64.0
CHECKED_EVERY = 8
STEADY = 1e-10
Interpolate = Callable[[FloatArray], FloatArray]


def averaged(law: Law, strength: FloatArray, density: float) -> Moments:
    """The moments of R over independent skips of this density, from q_0 = 1.

    `strength` is a_l for each block. Assumes: `Law`'s. Where a branch of strength 0 may lack its
    skip, R may be 0: E ln R is -inf and Var ln R is NaN. Cost: O(L) times a grid of some hundreds;
    blocks of one strength only until each adds the same everywhere.
    """
    y = _grid(law, strength)
    fields = np.zeros((4, len(y)))  # ln E R, E ln R, Var ln R, branches: of the blocks behind
    added = np.full_like(fields, np.nan)
    is_uniform = bool(strength.min() == strength.max() > 0)
    previous = math.nan
    for num_left, a in zip(range(len(strength) - 1, -1, -1), strength[::-1].tolist(), strict=True):
        if a == 0:
            fields[0] += math.log(density)
            continue
        if a != previous:
            block = _block(law, float(y[0]), float(y[-1]), len(y), a)
            previous = a
        after = block.before(fields, density)
        last, added, fields = added, after - fields, after
        if is_uniform and num_left % CHECKED_EVERY == 0 and _is_steady(added, last):
            fields = fields + num_left * added
            break
    start = _stencil(y, np.zeros(1))(fields)[:, 0]
    is_cut = bool((strength == 0).any())
    return Moments(
        log_mean=start[0],
        mean_log=np.array(-np.inf) if is_cut else start[1],
        var_log=np.array(np.nan) if is_cut else start[2],
        num_branches=start[3],
    )


class _Block:
    """One block's step backwards over the grid `y` of ln q."""

    def __init__(self, law: Law, y: FloatArray, strength: float) -> None:
        branch, output = law.branch(y, strength), law.output(y, strength)
        self.log_with, self.log_without = np.log1p(branch), np.log(branch)
        self.share = branch / (1 + branch)
        self.kept, self.lost = _stencil(y, np.logaddexp(y, output)), _stencil(y, output)

    def before(self, fields: FloatArray, density: float) -> FloatArray:
        """The fields before the block from those behind it."""
        p, lack = density, 1 - density
        kept, lost = self.kept(fields), self.lost(fields)
        by_skip = math.log(p) + self.log_with + kept[0]
        by_branch = math.log(lack) + self.log_without + lost[0]
        log_mean = np.logaddexp(by_skip, by_branch)
        weight = np.exp(by_skip - log_mean)
        first, second = self.log_with + kept[1], self.log_without + lost[1]
        variance = p * kept[2] + lack * lost[2] + p * lack * (first - second) ** 2
        used = weight * (self.share + kept[3]) + (1 - weight) * (1 + lost[3])
        return np.stack([log_mean, p * first + lack * second, variance, used])


@lru_cache(maxsize=16)
def _block(law: Law, low: float, high: float, num_points: int, strength: float) -> _Block:
    """The step, which is the same for every density: a search over densities makes it once."""
    return _Block(law, np.linspace(low, high, num_points), strength)


def _is_steady(added: FloatArray, last: FloatArray) -> bool:
    """Whether blocks add the same to each field, wherever the stream is."""
    scale = 1 + np.abs(added).max()
    is_even = np.ptp(added, axis=1).max() < STEADY * scale
    return bool(is_even and np.abs(added - last).max() < STEADY * scale)


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
    step = STEP if law.norm != "none" else COARSE
    num_points = max(8, math.ceil((high - low) / step) + 1)
    return np.linspace(low, high + 1e-9, num_points)


def _stencil(y: FloatArray, at: FloatArray) -> Interpolate:
    """Cubic interpolation of rows from the grid to points; beyond its ends the value at the end."""
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
        total: FloatArray = sum(w * values[:, i + k - 1] for k, w in enumerate(weights))
        return total

    return interpolated
