"""Spectral norm, Frobenius norm and stable rank of one Jacobian by Golub-Kahan, with errors."""

from __future__ import annotations

import math

from plusone.probe.chain import (
    extrapolated_largest,
    probable_upper_bound,
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
# ResNet-50 and GPT-2, F and I + F) against 30 steps: benchmarks/spectra.py --coverage.
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
    from the third pair of products on, after every single product. Frobenius: E |J v|^2 =
    |J|_F^2 / N, so frobenius_rms = alpha_1, with variance of |J v|^2 equal to
    2 / (N + 2) (tr((J^T J)^2) / N - (|J|_F^2 / N)^2). The bracket is E alpha_1^2 beta_1^2
    (1 + 2 / N): one probe gives the value and its error sd = beta_1 / sqrt(2 N). No probe is
    believed that sees less than the chain, whose bonds are entries of U^T J V: |J|_F^2 is
    certainly at least the sum of their squares. Without that bound a probe that misses the one
    direction of a low-rank Jacobian gives too little, with a stable rank below 1.

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
    return (ritz_largest if recurrence.is_exhausted[sample] else extrapolated_largest)(bonds)


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
    if recurrence.is_lost[sample]:
        return lost_sample(width)
    bonds = recurrence.bonds[sample]
    known = recurrence.is_exhausted[sample]
    beta = bonds[1] if len(bonds) > 1 else 0.0
    return SampleSpectrum(
        norm=norm,
        norm_error=error,
        lower=norm if known else ritz_largest(bonds),
        upper=norm if known else probable_upper_bound(bonds, num_inputs=width),
        residual=0.0 if known else residual(bonds),
        frobenius_rms=max(bonds[0], math.hypot(*bonds) / math.sqrt(width)),
        frobenius_error=beta / math.sqrt(2 * width),
        num_inputs=width,
    )
