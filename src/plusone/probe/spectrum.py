"""The records of a Jacobian's size, and how samples make them: norms, stable rank, errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumConfig:
    """How hard to try: stop when the mean stated error is `tolerance` of the spectral norm.

    `max_steps` bounds the pairs of products. `dense_limit` is the number of inputs or outputs per
    sample up to which the Jacobian is formed exactly instead, and `dense_size` what inputs times
    outputs may then be at most: with one thread a block of 32 takes 1.2 to 2.7 ms exactly and
    1.0 to 3.4 ms by steps, one of 48 half as much again. Up to 16 no size is too large.
    """

    tolerance: float = 0.05
    max_steps: int = 12
    dense_limit: int = 32
    dense_size: int = 2**15


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over samples, its standard error over them, and the numerical error of the method.

    `stderr` is None for one sample. `error` is the method's own uncertainty of the mean (one
    standard deviation for random probes), in the unit of `value`; 0 where the value is exact.
    `noise` is the part of it that comes from random starts, independent between samples.
    """

    value: float
    stderr: float | None
    error: float
    noise: float = 0.0

    @property
    def total(self) -> float:
        """The standard error of `value` as one number: over samples, and by the method.

        The spread over samples holds the noise of their starts already, so that counts once.
        """
        spread = max(self.stderr or 0.0, self.noise)
        return math.sqrt(spread**2 + max(self.error**2 - self.noise**2, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSpectrum:
    """One sample's numbers; `lower` is certain, `upper` holds with probability 95 %.

    `num_values` is how many singular values there are: the smaller of inputs and outputs.
    """

    norm: float
    norm_error: float
    lower: float
    upper: float
    residual: float
    frobenius_rms: float
    frobenius_error: float
    num_inputs: int
    num_values: int

    @property
    def stable_rank(self) -> float:
        """|J|_F^2 / |J|_2^2, between 1 and `num_values`; NaN for a zero Jacobian."""
        if not self.norm or math.isnan(self.norm):
            return math.nan
        found = self.num_inputs * (self.frobenius_rms / self.norm) ** 2
        return min(max(1.0, found), float(self.num_values))

    @property
    def stable_rank_errors(self) -> tuple[float, float]:
        """What the errors of the norm and of the Frobenius norm do to the stable rank."""
        if not self.norm:
            return math.nan, math.nan
        relative = (self.norm_error / self.norm, self.frobenius_error / self.frobenius_rms)
        return 2 * self.stable_rank * relative[0], 2 * self.stable_rank * relative[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class JacobianSpectrum:
    """Size of a Jacobian, averaged over samples.

    `frobenius_rms` is |J|_F / sqrt(inputs). `lower` (certain) and `upper` (95 % per sample) are
    means over samples of bounds on the spectral norm; `residual` is the mean Krylov residual, and
    `worst_error` the largest relative error that any sample's norm is stated to have. `converged`
    says whether the mean relative error reached the tolerance. `num_products` counts products
    with J and its transpose that were made for this spectrum.
    """

    spectral_norm: Estimate
    frobenius_rms: Estimate
    stable_rank: Estimate
    lower: float
    upper: float
    residual: float
    worst_error: float
    converged: bool
    num_products: int
    num_samples: int
    is_exact: bool = False


def dense_samples(jacobian_BMN: torch.Tensor) -> list[SampleSpectrum]:
    """Each sample's numbers from its whole Jacobian, in float64. O(B M N min(M, N))."""
    width = jacobian_BMN.shape[-1]
    num_values = min(jacobian_BMN.shape[1:])
    samples = []
    for J_MN in jacobian_BMN.double():
        if not bool(torch.isfinite(J_MN).all()):
            samples.append(lost_sample(width, num_values))
            continue
        norm = float(torch.linalg.svdvals(J_MN)[0])
        rms = float(torch.linalg.matrix_norm(J_MN)) / math.sqrt(width)
        samples.append(_exact_sample(norm, rms, width, num_values))
    return samples


def summarise(
    samples: Sequence[SampleSpectrum],
    *,
    config: SpectrumConfig,
    num_products: int,
    is_exact: bool = False,
) -> JacobianSpectrum:
    """Means over samples; a sample that is not finite makes every mean NaN."""
    norm = _estimate([s.norm for s in samples], [s.norm_error for s in samples])
    relative = [s.norm_error / s.norm if s.norm else 0.0 for s in samples]
    return JacobianSpectrum(
        spectral_norm=norm,
        frobenius_rms=_estimate(
            [s.frobenius_rms for s in samples],
            [s.frobenius_error for s in samples],
            independent=True,
        ),
        stable_rank=_stable_rank(samples),
        lower=_mean([s.lower for s in samples]),
        upper=_mean([s.upper for s in samples]),
        residual=_mean([s.residual for s in samples]),
        worst_error=max(relative) if not any(map(math.isnan, relative)) else math.nan,
        converged=norm.error <= config.tolerance * norm.value,
        num_products=num_products,
        num_samples=len(samples),
        is_exact=is_exact,
    )


def _stable_rank(samples: Sequence[SampleSpectrum]) -> Estimate:
    """The mean; probes are independent between samples, what a short chain misses is not."""
    by_norm, by_probe = zip(*(s.stable_rank_errors for s in samples), strict=True)
    found = _estimate([s.stable_rank for s in samples], by_probe, independent=True)
    return replace(found, error=math.hypot(found.error, _mean(by_norm)))


def _exact_sample(norm: float, rms: float, width: int, num_values: int) -> SampleSpectrum:
    return SampleSpectrum(
        norm=norm,
        norm_error=0.0,
        lower=norm,
        upper=norm,
        residual=0.0,
        frobenius_rms=rms,
        frobenius_error=0.0,
        num_inputs=width,
        num_values=num_values,
    )


def lost_sample(width: int, num_values: int) -> SampleSpectrum:
    """A sample whose Jacobian is not finite."""
    return _exact_sample(math.nan, math.nan, width, num_values)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _estimate(
    values: Sequence[float], errors: Sequence[float], *, independent: bool = False
) -> Estimate:
    """Mean with errors added up, or in squares where they are independent between samples."""
    mean, n = _mean(values), len(values)
    error = math.hypot(*errors) / n if independent else _mean(errors)
    noise = error if independent else 0.0
    if n < 2:
        return Estimate(value=mean, stderr=None, error=error, noise=noise)
    spread = sum((v - mean) ** 2 for v in values) / (n - 1)
    return Estimate(value=mean, stderr=math.sqrt(spread / n), error=error, noise=noise)
