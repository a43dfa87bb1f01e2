"""A chain of layers with any one skip into each: closed forms for many patterns at once.

    x_t = x_{t-s} + alpha_t F_t(x_{t-1})      s = spans[t-1] >= 1
    x_t = F_t(x_{t-1})                        s = 0: no skip ends here           t = 1 ... L

Several skips may leave one node; one at most comes in, so that no two terms of a sum share a
branch. Then the second moments need no overlaps (those of `dag`), only a recursion along the chain:

    K_t = K_{t-s} + A_t K_{t-1},   R = K_L = E |g_in|^2 / |g_out|^2 from K_0 = 1           (1)

A_t being the branch's factor of the gradient's second moment. The derivative of K_L by K_t, B_t,
follows from the same recursion backwards, and the share of R that goes through branch t is
A_t K_{t-1} B_t / K_L. (Derived here: K is the second moment of the linear map from the input to a
node, which is the same summed forwards or backwards; tests compare with `dag_log_moment`.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plusone.errors import InputError
from plusone.theory.activations import (
    FAN_FACTOR,
    STEEP,
    STRAIGHT,
    Activation,
    FloatArray,
    half_square_difference,
    log_moment,
    slope,
    slope_spread,
)

Order = Literal["first", "last"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The stream where the chain begins: its second moment, 1 - c of two inputs, and its mean over
    units divided by the root of the second moment."""

    moment: float = 1.0
    gap: float = 1.0
    mean: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkipChain:
    """What the layers of a chain are, whatever skips go around them.

    `strength` is a_t, the variance of layer t's weights times its inputs over FAN_FACTOR, so that 1
    is He's initialisation; one number per layer. `order` says where the activation stands: "first",
    F(x) = W phi(N(x)), or "last", F(x) = phi(W N(x)), as in a user's Sequential of Linear and ReLU.
    `has_norm`: N is a norm (of the layer) in front of the branch, which divides by the stream's
    deviation; otherwise the identity; one for all layers, or each its own. `width` is the number of
    units, None for so many that nothing fluctuates. `moment` is as `strength` for the second moment
    of the branch's output, where that was measured and is another; None for the same. `start` is
    what enters the first layer.
    """

    strength: FloatArray
    activation: Activation = "relu"
    order: Order = "first"
    has_norm: bool | NDArray[np.bool_] = False
    width: int | None = None
    moment: FloatArray | None = None
    start: Start = Start()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatternLaw:
    """The closed forms of each pattern, named as in `Prediction`; arrays without the layers' axis.

    `log_second_moment` is ln E R, `mean_log_norm` and `var_log_norm` the mean and the variance of
    ln(|g_in| / |g_out|) over draws of the weights (those of infinite width where the chain has no
    width), `effective_depth` the mean number of branches on the paths that carry R, `log_gap`
    ln(1 - c) at the output of two inputs that were uncorrelated.
    """

    log_second_moment: FloatArray
    mean_log_norm: FloatArray
    var_log_norm: FloatArray
    effective_depth: FloatArray
    log_gap: FloatArray

    @property
    def log10_typical_norm(self) -> FloatArray:
        """E log10(|g_in| / |g_out|): the typical norm's ratio, in decades."""
        return self.mean_log_norm / math.log(10.0)


def pattern_law(chain: SkipChain, spans: ArrayLike, *, scale: ArrayLike = 1.0) -> PatternLaw:
    """The closed forms of the patterns `spans`, whole numbers of shape [..., layers].

    `scale` is alpha, the factor of a branch that a skip goes around; it broadcasts against spans.
    The gradient follows (1). Two inputs: with q_t the second moment and D the half mean square by
    which two inputs' branches differ (`correlation_profile`),

        q_t = q_{t-s} + 2 m_{t-s} mu_t + alpha^2 V_t,   (1 - c_t) q_t = (1 - c) q|_{t-s} + alpha^2 D

    m being the mean over units and mu the branch's, both 0 but for an activation that comes last
    and has a mean. With b_t and k_t the shares of R that come to node t through its branch and over
    its skip, Var ln R = sum (2 b^2 + 4 b k) / n to the order 1/n for linear branches, in steps of a
    martingale: given the layers before, |x_t|^2 varies by the branch's chi-square and by its
    product with the skip. With an activation 3 E phi'^4 / (E phi'^2)^2 - 1 stands in place of 2,
    which is 5 for ReLU (Hanin and Nica 2018, arXiv 1812.05994), without what `width` adds for units
    that stay on along a stream.
    E ln R is ln R less half of the variance.

    Assumes: independent Gaussian weights and wide layers. Cost:
    O(patterns * layers); some 1,000 times that for tanh and GELU.

    Raises:
        InputError: a span is no whole number, or leads to before the input.
    """
    reach = _spans(spans, len(chain.strength))
    shape, num_layers = reach.shape[:-1], reach.shape[-1]
    reach = reach.reshape(-1, num_layers)
    alpha = np.broadcast_to(np.asarray(scale, dtype=np.float64), (*shape, num_layers))
    has_skip = reach > 0
    log_alpha2 = _log(np.where(has_skip, alpha.reshape(-1, num_layers) ** 2, 1.0))
    log_q, log_gap = _signal(chain, reach, log_alpha2)
    into = _into(chain, log_q)
    log_factor = _factors(chain, log_q, into) + log_alpha2
    log_r, shares, over_skips = _gradient(reach, log_factor)
    bend = 3 * slope_spread(chain.activation, into) - 1
    spread = (4 * shares * over_skips + bend * shares**2).sum(-1)
    variance = spread / chain.width if chain.width is not None else np.zeros_like(spread)
    return PatternLaw(
        log_second_moment=log_r.reshape(shape),
        mean_log_norm=(log_r / 2 - variance / 4).reshape(shape),
        var_log_norm=(variance / 4).reshape(shape),
        effective_depth=shares.sum(-1).reshape(shape),
        log_gap=log_gap.reshape(shape),
    )


def _spans(spans: ArrayLike, num_layers: int) -> NDArray[np.intp]:
    given = np.asarray(spans)
    if given.dtype.kind not in "biu" or given.ndim < 1 or given.shape[-1] != num_layers:
        raise InputError(
            f"spans are whole numbers, one for each of {num_layers} layers, and not of shape "
            f"{given.shape} and type {given.dtype}."
        )
    reach = given.astype(np.intp)
    too_far = (reach < 0) | (reach > np.arange(1, num_layers + 1))
    if too_far.any():
        layer = int(np.argwhere(too_far)[0][-1])
        raise InputError(
            f"a skip into layer {layer + 1} has a span of 0 (none) to {layer + 1}, not "
            f"{int(reach[too_far][0])}."
        )
    return reach


def _log(values: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))


def _signal(
    chain: SkipChain, reach: NDArray[np.intp], log_alpha2: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """ln q before each layer and at the end, and ln(1 - c) at the end."""
    rows, num_layers = np.arange(len(reach)), reach.shape[1]
    start = chain.start
    log_q = np.full((len(reach), num_layers + 1), math.log(start.moment))
    log_apart = np.full_like(log_q, math.log(start.moment * start.gap))  # ln (1 - c) q
    mean = np.full_like(log_q, start.mean)  # over the square root of q
    has_skip = reach > 0
    for t in range(1, num_layers + 1):
        before, source = log_q[:, t - 1], (rows, t - reach[:, t - 1])
        gap = np.exp(np.minimum(_over(log_apart[:, t - 1], before), math.log(2.0)))
        log_v, log_d, mu = _branch(chain, t - 1, before, gap)
        alpha2 = log_alpha2[:, t - 1]
        log_v, log_d, mu = log_v + alpha2, log_d + alpha2, mu * np.exp(alpha2 / 2)
        skips = has_skip[:, t - 1]
        kept = np.where(skips, log_q[source], -np.inf)
        total = np.logaddexp(kept, log_v)
        # The means meet in the sum: 2 m mu, in units of what the sum is without them.
        scale = np.where(np.isneginf(total), 0.0, total)
        m = np.where(skips, mean[source] * np.exp((kept - scale) / 2), 0.0)
        share = mu * np.exp((log_v - scale) / 2)
        growth = 1 + 2 * m * share
        log_q[:, t] = total + np.log(growth)
        mean[:, t] = (m + share) / np.sqrt(growth)
        log_apart[:, t] = np.logaddexp(np.where(skips, log_apart[source], -np.inf), log_d)
    return log_q, _over(log_apart[:, -1], log_q[:, -1])


def _over(log_apart: FloatArray, log_q: FloatArray) -> FloatArray:
    """ln(1 - c); where nothing is left of the signal, as of uncorrelated ones."""
    is_dead = np.isneginf(log_q)
    return np.where(is_dead, 0.0, log_apart) - np.where(is_dead, 0.0, log_q)


def _branch(
    chain: SkipChain, layer: int, log_q: FloatArray, gap: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """ln V, ln D and mu / sqrt(V) of a branch that is entered by a stream of this second moment."""
    phi, factor = chain.activation, FAN_FACTOR[chain.activation]
    strength = chain.strength if chain.moment is None else chain.moment
    log_a = _log(np.array(strength[layer] * factor))
    seen = np.where(_has_norm(chain)[layer], 0.0, log_q)
    into = seen if chain.order == "first" else seen + log_a
    outside = log_a if chain.order == "first" else 0.0
    safe = np.clip(into, STRAIGHT, STEEP)
    log_v = log_moment(phi, into) + outside
    apart = half_square_difference(phi, np.exp(safe), gap)
    beyond = np.where(into == safe, 0.0, log_moment(phi, into) - log_moment(phi, safe))
    log_d = _log(apart) + beyond + outside
    mean = np.zeros_like(log_q)
    if chain.order == "last":
        mean = _mean(phi, np.exp(safe)) * np.exp(-log_moment(phi, safe) / 2)
    return log_v, log_d, mean


def _mean(activation: Activation, q: FloatArray) -> FloatArray:
    """E phi(u) for u ~ N(0, q): Stein's lemma for GELU."""
    if activation == "relu":
        return np.sqrt(q / (2 * math.pi))
    if activation == "gelu":
        return q / np.sqrt(2 * math.pi * (1 + q))
    return np.zeros_like(q)


def _into(chain: SkipChain, log_q: FloatArray) -> FloatArray:
    """ln of the second moment that each layer's activation sees."""
    seen = np.where(_has_norm(chain), 0.0, log_q[:, :-1])
    if chain.order == "first":
        return seen
    return np.asarray(seen + _log(chain.strength * FAN_FACTOR[chain.activation]))


def _factors(chain: SkipChain, log_q: FloatArray, into: FloatArray) -> FloatArray:
    """ln A without alpha: a c E phi'^2 at what the activation sees, over q behind a norm."""
    log_a = _log(chain.strength * FAN_FACTOR[chain.activation])
    before = log_q[:, :-1]
    rate = _log(slope(chain.activation, into))
    is_divided = _has_norm(chain) & ~np.isneginf(before)
    return np.asarray(rate + log_a - np.where(is_divided, before, 0.0))


def _has_norm(chain: SkipChain) -> NDArray[np.bool_]:
    return np.broadcast_to(np.asarray(chain.has_norm), len(chain.strength))


def _gradient(
    reach: NDArray[np.intp], log_factor: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """ln R, and the shares of R that go through each layer's branch and over the skip into it."""
    rows, num_layers = np.arange(len(reach)), reach.shape[1]
    has_skip = reach > 0
    log_k = np.zeros((len(reach), num_layers + 1))
    for t in range(1, num_layers + 1):
        kept = np.where(has_skip[:, t - 1], log_k[rows, t - reach[:, t - 1]], -np.inf)
        log_k[:, t] = np.logaddexp(kept, log_factor[:, t - 1] + log_k[:, t - 1])
    log_b = np.full_like(log_k, -np.inf)
    log_b[:, -1] = 0.0
    shares, over_skips = np.zeros_like(log_factor), np.zeros_like(log_factor)
    total = np.where(np.isneginf(log_k[:, -1]), 0.0, log_k[:, -1])
    for t in range(num_layers, 0, -1):
        through = log_factor[:, t - 1] + log_b[:, t]
        shares[:, t - 1] = np.exp(through + log_k[:, t - 1] - total)
        source = (rows, t - reach[:, t - 1])
        handed = np.where(has_skip[:, t - 1], log_b[:, t], -np.inf)
        over_skips[:, t - 1] = np.exp(handed + log_k[source] - total)
        log_b[source] = np.logaddexp(log_b[source], handed)
        log_b[:, t - 1] = np.logaddexp(log_b[:, t - 1], through)
    return log_k[:, -1], shares, over_skips
