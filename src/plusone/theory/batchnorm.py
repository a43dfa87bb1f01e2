"""What a batch norm of N samples does to moments: to order 1/N, where N is not huge.

The samples' values x of a unit are Gaussian with unbiased variance v; the norm takes them to
z = P x / s on a sphere, P taking away the mean, and a gradient g to (g - mean g - z mean(z g)) / s.

* E 1/s^2 = N/(N - 3) / v. Two samples have correlation rho = -1/(N - 1) behind it.
* The branch adds the unbiased variance c V, V = E phi(z)^2 - E phi(z) phi(z')|rho.
* A gradient that came through a batch norm has no mean and is isotropic otherwise. Behind phi' it
  keeps E phi'^2 less Var(z phi')/N along z and Var(phi')/N for its new mean:
  S = N/(N - 3) (E phi'^2 - (Var(z phi') + Var phi')/N), Var f being E f(z)^2 - E f(z) f(z')|rho.
* On that sphere z is no Gaussian: E f(z) = h - (h'' - h')/N with h(ln q) = E f(x), x ~ N(0, q).
* The cotangent at the output is drawn with a mean, of which the first branch keeps the share
  Var phi'/E phi'^2 only; see `end_factor`.
* Post-norm: with A = a c V, the skip's gradient lost z of the next block already, so here it loses
  A/(s + A)/N only; and the variance s + A (1 - 1/N) of the sum, whose part s is fixed, has
  E 1/s^2 larger by the factor 1 + 2 (1 - (s/(s + A))^2)/(N - 3).

N -> inf is Yang et al. 2019 (arXiv 1902.08129); the rest is derived here. Assumes n much larger
than N: otherwise the samples' Gram matrix is not isotropic, an effect of order 1/n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from plusone.theory.activations import (
    Activation,
    FloatArray,
    derivative,
    half_square_difference,
    log_moment,
    mean_at_one,
    slope,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchMoments:
    """V and S without c, S before its factor N/(N - 3); E phi'^2 and (E phi')^2 / E phi'^2 of a
    Gaussian; N, None if huge."""

    moment: float
    slope: float
    raw_slope: float
    mean_share: float
    num_samples: int | None

    @property
    def inflation(self) -> float:
        """v E 1/s^2 = N/(N - 3)."""
        return 1.0 if self.num_samples is None else self.num_samples / (self.num_samples - 3)


def batch_moments(activation: Activation, num_samples: int | None) -> BatchMoments:
    """The moments of an activation behind a batch norm."""
    z = np.linspace(-9.0, 9.0, 2000)  # even, so that no node lies on the kink of ReLU
    weight = np.exp(-0.5 * z**2) * (z[1] - z[0]) / math.sqrt(2 * math.pi)
    slopes = derivative(activation, z)
    square, mean = float(weight @ slopes**2), float(weight @ slopes)
    share = mean**2 / square
    if num_samples is None:
        second = float(np.exp(log_moment(activation, np.zeros(1)))[0])
        moment = second - mean_at_one(activation) ** 2
        return BatchMoments(
            moment=moment, slope=square, raw_slope=square, mean_share=share, num_samples=None
        )
    n = num_samples
    along, common = _between(z * slopes, z, weight, n), _between(slopes, z, weight, n)
    log_q = np.array([-0.02, 0.0, 0.02])
    gap = np.full(3, n / (n - 1))
    return BatchMoments(
        moment=_on_sphere(half_square_difference(activation, np.exp(log_q), gap), 0.02, n),
        slope=_on_sphere(slope(activation, log_q), 0.02, n) - (along + common) / n,
        raw_slope=square,
        mean_share=share,
        num_samples=n,
    )


def _between(f: FloatArray, z: FloatArray, weight: FloatArray, num_samples: int) -> float:
    """E f(z)^2 - E f(z) f(z') at correlation -1/(N - 1), of whose powers the first is kept."""
    variance = float(weight @ f**2 - (weight @ f) ** 2)
    return variance + float(weight @ (z * f)) ** 2 / (num_samples - 1)


def _on_sphere(h: FloatArray, step: float, num_samples: int) -> float:
    second, first = (h[0] - 2 * h[1] + h[2]) / step**2, (h[2] - h[0]) / (2 * step)
    return float(h[1] - (second - first) / num_samples)


def post_factors(
    moments: BatchMoments, strength: FloatArray, skip: float, factor: float
) -> FloatArray:
    """A post-norm block's factor on the gradient: with a skip (1) or without (0)."""
    output = strength * factor * moments.moment
    branch = strength * factor * moments.slope
    n = math.inf if moments.num_samples is None else moments.num_samples
    before = skip + output * (1 - 1 / n)
    safe = np.where(before > 0, before, np.inf)
    inflation = 1 + 2 * (1 - (skip / safe) ** 2) / (n - 3)
    kept = skip * (1 - output / safe / n) + branch
    return np.asarray(inflation * kept / safe)


def post_ends(
    moments: BatchMoments, strength: FloatArray, density: FloatArray, factor: float
) -> FloatArray:
    """ln of what post-norm's ends change: the cotangent loses mean and z at the last norm, and the
    first block reads inputs that are Gaussian and behind no norm. Of the first block's strength."""
    if moments.num_samples is None:
        return np.zeros(np.broadcast_shapes(strength.shape, density.shape))
    output = factor * moments.moment * strength
    branch = factor * moments.raw_slope * strength
    with np.errstate(divide="ignore", invalid="ignore"):
        by_skip = (1 + branch) / (1 + output)
        first = density * by_skip + (1 - density) * np.where(output > 0, branch / output, 0.0)
        counted = density * post_factors(moments, strength, 1.0, factor)
        counted = counted + (1 - density) * post_factors(moments, strength, 0.0, factor)
        change = np.where(counted > 0, moments.inflation * first / counted, 1.0)
    return np.asarray(np.log(change) + math.log1p(-2 / moments.num_samples))


def end_factor(moments: BatchMoments, log_mean: FloatArray, no_branch: FloatArray) -> FloatArray:
    """ln of what the cotangent keeps of the directions that the norms project out.

    `no_branch` is the logarithm of the second moment that passes by skips alone.
    """
    if moments.num_samples is None:
        return np.zeros_like(log_mean)
    used = -np.expm1(np.minimum(no_branch - log_mean, 0.0))
    loss: FloatArray = np.log1p(-moments.mean_share * used / moments.num_samples)
    return loss
