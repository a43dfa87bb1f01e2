"""Spectral norm, Frobenius norm and stable rank of one Jacobian by Golub-Kahan, with errors."""

from __future__ import annotations

import math

from plusone.probe.chain import (
    Bonds,
    exact_largest,
    extrapolated_largest,
    probable_upper_bound,
    quadrature,
    residual,
    ritz_largest,
)
from plusone.probe.golub_kahan import Bidiagonalisation
from plusone.probe.spectrum import (
    JacobianSpectrum,
    SampleSpectrum,
    SpectrumConfig,
    lost_sample,
    summarise,
)

# The stated error is at least half the range of the last three extrapolations, and at least this
# share of the way from the Ritz value to the extrapolated one: bonds fluctuate by 1 / sqrt(N), so
# the tail of a small matrix is less certain. Calibrated on 182 Jacobians (all blocks of ResNet-20,
# ResNet-50 and GPT-2, F and I + F) against 30 steps, and checked on 7,678 pairs of random matrices
# 16 to 1,600 wide: within the stated error in 95 %, within twice in 98 %. Least where one value
# stands just above a wide band (33 % and 92 %): benchmarks/spectra.py --coverage.
_GAP_SHARE = 0.45
_GAP_NOISE = 4.0
_MIN_BONDS = 6


def golub_kahan_spectrum(
    recurrence: Bidiagonalisation, *, config: SpectrumConfig
) -> JacobianSpectrum:
    """The spectrum by Golub-Kahan steps until the stated error is small enough.

    Raises:
        NotMeasurable: the Jacobian's products cannot be had.
    """
    return summarise(
        golub_kahan_samples(recurrence, config=config),
        config=config,
        num_products=recurrence.num_products,
    )


def golub_kahan_samples(
    recurrence: Bidiagonalisation, *, config: SpectrumConfig
) -> list[SampleSpectrum]:
    """Each sample's numbers by Golub-Kahan steps from a start uniform on the sphere.

    The norm is that of the chain with its tail continued (`extrapolated_largest`); it is judged
    from the third pair of products on, after every single product. For the Frobenius norm see
    `_frobenius`.

    Raises:
        NotMeasurable: the Jacobian's products cannot be had.
    """
    history: list[list[float]] = [[] for _ in recurrence.bonds]
    while True:
        recurrence.step()
        last = recurrence.is_finished or recurrence.num_bonds >= 2 * config.max_steps
        if recurrence.num_bonds < _MIN_BONDS - 2 and not last:
            continue
        for sample, values in enumerate(history):
            values.append(_norm(recurrence, sample))
        if recurrence.num_bonds < _MIN_BONDS and not last:
            continue
        errors = [_norm_error(recurrence, i, values) for i, values in enumerate(history)]
        allowed = config.tolerance * sum(values[-1] for values in history)
        if last or sum(errors) <= allowed:
            norms = (values[-1] for values in history)
            pairs = enumerate(zip(norms, errors, strict=True))
            return [_sample(recurrence, i, norm, error) for i, (norm, error) in pairs]


def _norm(recurrence: Bidiagonalisation, sample: int) -> float:
    if recurrence.is_lost[sample]:
        return math.nan
    bonds = recurrence.bonds[sample]
    return (exact_largest if recurrence.is_exhausted[sample] else extrapolated_largest)(bonds)


def _norm_error(recurrence: Bidiagonalisation, sample: int, values: list[float]) -> float:
    if recurrence.is_lost[sample] or recurrence.is_exhausted[sample]:
        return 0.0
    gap = values[-1] - ritz_largest(recurrence.bonds[sample])
    share = min(1.0, _GAP_SHARE + _GAP_NOISE / math.sqrt(recurrence.operator.num_inputs))
    recent = values[-3:]
    return max(share * gap, 0.5 * (max(recent) - min(recent)))


def _sample(
    recurrence: Bidiagonalisation, sample: int, norm: float, error: float
) -> SampleSpectrum:
    width = recurrence.operator.num_inputs
    num_values = min(width, recurrence.operator.num_outputs)
    if recurrence.is_lost[sample]:
        return lost_sample(width, num_values)
    bonds = recurrence.bonds[sample]
    known = recurrence.is_exhausted[sample]
    lower = norm if known else ritz_largest(bonds)
    rms, rms_error = _frobenius(bonds, lower, width)
    seen = _of_low_rank(bonds, rms, width) if known else None
    rms = rms if seen is None else seen
    return SampleSpectrum(
        norm=norm,
        norm_error=error,
        lower=lower,
        upper=norm if known else probable_upper_bound(bonds, num_inputs=width),
        residual=0.0 if known else residual(bonds),
        frobenius_rms=rms,
        frobenius_error=rms_error,
        num_inputs=width,
        num_values=num_values,
    )


def _frobenius(bonds: Bonds, lower: float, width: int) -> tuple[float, float]:
    """|J|_F / sqrt(N) and its standard deviation, from the one probe v that began the chain.

    With S = J^T J and v uniform on the sphere, |J v|^2 = alpha_1^2 has the mean |J|_F^2 / N and the
    variance 2 / (N + 2) (tr S^2 / N - (|J|_F^2 / N)^2), whose bracket is E alpha_1^2 beta_1^2
    (1 + 2 / N): the value is alpha_1 and its error beta_1 / sqrt(2 N).

    A probe that misses the one direction of a low-rank Jacobian sees little of it, nor how much
    it missed. The chain behind it does: its bonds are entries of U^T J V, so |J|_F^2 is certainly
    at least the sum of their squares, and tr S^2 at least `lower`^4.
    """
    rms = max(bonds[0], math.hypot(*bonds) / math.sqrt(width))
    beta = bonds[1] if len(bonds) > 1 else 0.0
    if rms == 0.0:
        return 0.0, 0.0
    bracket = (lower / rms) ** 4 / width - 1.0  # over rms^4, which might overflow
    seen = 0.5 * rms * math.sqrt(2 / width * max(bracket, 0.0))
    return rms, max(beta / math.sqrt(2 * width), seen)


def _of_low_rank(bonds: Bonds, rms: float, width: int) -> float | None:
    """|J|_F / sqrt(N) of a low-rank Jacobian whose chain ended, or None where `rms` is better.

    A chain that ends with a zero alpha has met the null space, and holds every singular value once:
    the sum of the squared bonds is |J|_F^2 if no value repeats. The probe, which sees repeated
    ones, then differs from it by N |J v|^2 - |J|_F^2 of variance 2 tr S^2; beyond two standard
    deviations they repeat (a mask, say), and the probe counts.
    """
    end = list(bonds).index(0.0)
    if end == 0 or end % 2:
        return None
    largest = max(bonds)
    square = quadrature([c / largest for c in bonds])[0] ** 2
    total, probed = float(square.sum()), width * (bonds[0] / largest) ** 2
    if abs(probed - total) > 2 * math.sqrt(2 * float((square**2).sum())):
        return None
    return largest * math.sqrt(total / width)
