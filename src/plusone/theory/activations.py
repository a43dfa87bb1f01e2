"""Gaussian moments of linear, ReLU, tanh and GELU: what a wide layer does to a second moment.

With x ~ N(0, q), the moment is E phi(x)^2, the slope E phi'(x)^2: without the weights' variance,
the length map and chi_1 of Poole et al. 2016 (arXiv 1606.05340, section 2). Linear and ReLU are
exact; tanh and GELU are trapezoidal sums over a function that is even, analytic and dies out, where
that rule converges exponentially: the Gaussian is integrated over nine deviations, or only as far
as the function differs from its limit.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Activation = Literal["linear", "relu", "tanh", "gelu"]
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)

FAN_FACTOR: dict[Activation, float] = {"linear": 1.0, "relu": 2.0, "tanh": 1.0, "gelu": 2.0}
"""The weights' variance is gain * FAN_FACTOR / fan_in, so that gain 1 is He's initialisation."""

DEVIATIONS = 9.0
NUM_POINTS = 160
REACH = {"tanh": 20.0, "gelu": 12.0}
# A stream of this second moment sees GELU nearly as ReLU; nodes on either side of 0, enough for
# second moments up to some 500 (tanh's grow with the depth at most).
LIKE_RELU, MAX_HALF = 100.0, 100
# Outside these logs of q tanh and GELU are straight lines, or a step, to double precision.
STRAIGHT, STEEP = -60.0, 100.0


def log_moment(activation: Activation, log_q: FloatArray) -> FloatArray:
    """ln E phi(x)^2 for x ~ N(0, q), from ln q, at any size of q."""
    if activation == "linear":
        return log_q
    if activation == "relu":
        return log_q - math.log(2.0)
    safe = np.clip(log_q, STRAIGHT, STEEP)
    beyond = np.minimum(log_q - safe, 0.0) if activation == "tanh" else log_q - safe
    return np.asarray(np.log(_moment(activation, np.exp(safe))) + beyond)


def slope(activation: Activation, log_q: FloatArray) -> FloatArray:
    """E phi'(x)^2 for x ~ N(0, q), from ln q."""
    if activation in ("linear", "relu"):
        return np.full_like(log_q, 1.0 if activation == "linear" else 0.5)
    q = np.exp(np.clip(log_q, STRAIGHT, STEEP))
    if activation == "tanh":
        return _mean(lambda x: np.cosh(x) ** -4.0, q, reach=REACH["tanh"])
    return 0.5 - _mean(_gelu_slope_gap, q, reach=REACH["gelu"])


def slope_spread(activation: Activation, log_q: FloatArray) -> FloatArray:
    """E phi'(x)^4 / (E phi'(x)^2)^2 for x ~ N(0, q), from ln q: 1 for linear, 2 for ReLU."""
    if activation in ("linear", "relu"):
        return np.full_like(log_q, 1.0 if activation == "linear" else 2.0)
    q = np.exp(np.clip(log_q, STRAIGHT, STEEP))
    if activation == "tanh":
        fourth = _mean(lambda x: np.cosh(x) ** -8.0, q, reach=REACH["tanh"])
    else:  # phi'(-x) = 1 - phi'(x)
        fourth = 0.5 - 0.5 * _mean(_gelu_fourth_gap, q, reach=REACH["gelu"])
    return np.asarray(fourth / slope(activation, log_q) ** 2)


def mean_at_one(activation: Activation) -> float:
    """E phi(x) for x ~ N(0, 1)."""
    means = {"linear": 0.0, "relu": 0.5 * math.sqrt(2 / math.pi), "tanh": 0.0}
    return means.get(activation, 0.5 / math.sqrt(math.pi))


def derivative(activation: Activation, x: FloatArray) -> FloatArray:
    """phi'(x)."""
    if activation == "tanh":
        return np.asarray(np.cosh(x) ** -2.0)
    if activation == "gelu":
        return _gelu_slope(x)
    return np.ones_like(x) if activation == "linear" else (x > 0).astype(np.float64)


def half_square_difference(activation: Activation, q: FloatArray, gap: FloatArray) -> FloatArray:
    """E (phi(x) - phi(y))^2 / 2 for x, y ~ N(0, q) with correlation 1 - gap.

    ReLU: the arc-cosine kernel of degree 1 (Cho and Saul 2009), written in the gap so that nothing
    cancels. tanh and GELU: (x + y)/2 and (x - y)/2 are independent; a sum over both.
    """
    if activation == "linear":
        return q * gap
    if activation == "relu":
        return 0.5 * q * _relu_gap(gap)
    if activation == "gelu" and float(q.max(initial=0.0)) > LIKE_RELU:
        near = _each_difference(activation, np.minimum(q, LIKE_RELU), gap)
        return np.where(q > LIKE_RELU, 0.5 * q * _relu_gap(gap), near)
    return _each_difference(activation, q, gap)


def _moment(activation: Activation, q: FloatArray) -> FloatArray:
    if activation == "gelu":
        gap = _mean(lambda x: x**2 * normal_cdf(x) * normal_cdf(-x), q, reach=REACH["gelu"])
        return 0.5 * q - gap
    near = _mean(lambda x: np.tanh(x) ** 2, q, reach=math.inf)
    far = 1 - _mean(lambda x: np.cosh(x) ** -2.0, q, reach=REACH["tanh"])
    return np.where(DEVIATIONS * np.sqrt(q) < REACH["tanh"], near, far)


def _gelu_slope_gap(x: FloatArray) -> FloatArray:
    u = _gelu_slope(x)
    return u * (1 - u)


def _gelu_fourth_gap(x: FloatArray) -> FloatArray:
    u = _gelu_slope(x)
    return 1 - u**4 - (1 - u) ** 4


def _gelu_slope(x: FloatArray) -> FloatArray:
    return normal_cdf(x) + x * np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)


def _mean(function: object, q: FloatArray, *, reach: float) -> FloatArray:
    """E f(x), x ~ N(0, q), for an even f that is 0 beyond `reach`."""
    assert callable(function)
    deviation = np.sqrt(q)[..., None]
    t = np.linspace(0.0, 1.0, NUM_POINTS + 1)
    z = t * np.minimum(DEVIATIONS, reach / deviation)
    weight = np.exp(-0.5 * z**2) * math.sqrt(2 / math.pi) * z[..., 1:2]
    weight[..., 0] *= 0.5
    total: FloatArray = (weight * function(z * deviation)).sum(-1)
    return total


def _relu_gap(gap: FloatArray) -> FloatArray:
    angle = 2 * np.arcsin(np.sqrt(np.clip(gap / 2, 0.0, 1.0)))
    series = angle**3 / 3 * (1 - angle**2 / 10 * (1 - angle**2 / 28))
    exact = np.sin(angle) - angle * np.cos(angle)
    gone: FloatArray = gap - np.where(angle < 0.02, series, exact) / math.pi
    return gone


def _each_difference(activation: Activation, q: FloatArray, gap: FloatArray) -> FloatArray:
    """The sum for each entry on its own where the grids are large, so that memory stays small."""
    if float(q.max(initial=0.0)) < 10 or q.ndim == 0:
        return _difference_sum(activation, q, gap)
    pairs = zip(q.reshape(-1), gap.reshape(-1), strict=True)
    each = [_difference_sum(activation, np.array(a), np.array(b)) for a, b in pairs]
    return np.array(each).reshape(q.shape)


def _difference_sum(activation: Activation, q: FloatArray, gap: FloatArray) -> FloatArray:
    apart = np.sqrt(q * np.clip(gap, 0.0, 2.0) / 2)
    middle = np.sqrt(q * np.clip(2 - gap, 0.0, 2.0) / 2)
    z, z_weight = _grid(float(middle.max(initial=0.0)))
    d, d_weight = _grid(float(apart.max(initial=0.0)))
    d, d_weight = d[d > 0], 2 * d_weight[d > 0]  # the difference is 0 at 0, and even
    m = middle[..., None, None] * z[:, None]
    h = apart[..., None, None] * d
    square = (_apply(activation, m + h) - _apply(activation, m - h)) ** 2
    total: FloatArray = 0.5 * np.einsum("...ij,i,j->...", square, z_weight, d_weight)
    return total


def _grid(deviation: float) -> tuple[FloatArray, FloatArray]:
    """Standard normal nodes, at most 0.8 deviations and 0.4 units of x apart."""
    half = math.ceil(DEVIATIONS / min(0.8, 0.4 / max(deviation, 1e-12)))
    z = np.linspace(-DEVIATIONS, DEVIATIONS, 2 * min(half, MAX_HALF) + 1)
    return z, np.exp(-0.5 * z**2) * (z[1] - z[0]) / math.sqrt(2 * math.pi)


def _apply(activation: Activation, x: FloatArray) -> FloatArray:
    return np.tanh(x) if activation == "tanh" else x * normal_cdf(x)


_STEPS = 64
_NODES = np.arange(-9 * _STEPS, 9 * _STEPS + 1) / _STEPS
_CDF = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in _NODES.tolist()])
_PDF = np.exp(-0.5 * _NODES**2) / math.sqrt(2 * math.pi)


def normal_cdf(x: FloatArray) -> FloatArray:
    """The standard normal distribution function to 1e-12: a Taylor series about a table's node."""
    near = np.clip(x, -9.0, 9.0)
    i = np.rint(near * _STEPS).astype(np.intp) + 9 * _STEPS
    node = _NODES[i]
    t = near - node
    cubic = t**2 / 6 * (node**2 - 1 - t / 4 * node * (node**2 - 3))
    return _CDF[i] + _PDF[i] * t * (1 - t / 2 * node + cubic)
