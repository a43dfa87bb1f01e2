"""The Jacobian spectra of one block: of its branch F, and of the whole block (I + F, say)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch

from plusone.probe.golub_kahan import Bidiagonalisation, random_start
from plusone.probe.krylov import golub_kahan_samples, golub_kahan_spectrum
from plusone.probe.operator import JacobianOperator, NotMeasurable, Place
from plusone.probe.operator_algebra import IdentityPlus, Operator, Scaled, Transposed
from plusone.probe.spectrum import (
    Estimate,
    JacobianSpectrum,
    SampleSpectrum,
    SpectrumConfig,
    dense_samples,
    summarise,
)
from plusone.probe.step_stability import StepStability, by_arnoldi, of_jacobians

_NUM_FALLBACK_PROBES = 2
_ALWAYS_DENSE = 16  # as many products as the iterations take


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPlaces:
    """Where a block sits in a retained autograd graph.

    The residual branch F is `factor` times what `branch` holds, the alpha of torch.add, say.
    `join` says how the output comes from the input x and F(x): "identity" is x + F(x) up to its
    sign and "concat" is cat(x, F(x)), for which the block's spectrum follows from F's products;
    "other" is anything else, measured from `output` itself. `branch` is None where there is none,
    and where an identity join adds several or spreads one over positions: then x + F(x) is
    `factor` times the output.
    `batch` is the size of dimension 0 if it indexes independent samples. `anchor`
    is the model's output (see `JacobianOperator`).
    """

    source: Place
    branch: Place | None
    output: Place
    batch: int | None
    join: Literal["identity", "concat", "other"] = "other"
    factor: float = 1.0
    anchor: torch.Tensor | None = None

    def operator(self, target: Place) -> JacobianOperator:
        """The Jacobian of `target` with respect to the block's input."""
        return JacobianOperator(self.source, target=target, batch=self.batch, anchor=self.anchor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """A spectrum that could not be had, why, and the part of it that could (by J^T alone)."""

    reason: str
    frobenius_rms: Estimate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSpectra:
    """The spectrum of F (None where the block has no branch) and that of the whole block.

    `stability` is that of the step x + F(x), None where the skip is not the identity.
    """

    branch: JacobianSpectrum | Unmeasured | None
    block: JacobianSpectrum | Unmeasured
    stability: StepStability | None = None


def block_spectra(
    places: BlockPlaces,
    *,
    generator: torch.Generator,
    config: SpectrumConfig | None = None,
) -> BlockSpectra:
    """Spectral norm, Frobenius norm and stable rank of a block's Jacobians at the given input.

    For an identity join F and I + F each run their own Golub-Kahan recurrence on products with F
    alone, from the same start vector: the Frobenius norm of I + F and its first product are free.
    For a concatenation [I; F] has the singular values sqrt(1 + sigma(F)^2). Typical cost: one
    set-up and 3 to 4 pairs of products for F, as many again for I + F.
    """
    config = config or SpectrumConfig()
    branch = places.branch
    if branch is None and places.join == "identity":
        return _of_whole(places, generator, config)
    if branch is None or places.join == "other":
        own = None if branch is None else _alone(places, branch, generator, config, places.factor)
        return BlockSpectra(branch=own, block=_alone(places, places.output, generator, config))
    together = _identity if places.join == "identity" else _concat
    with places.operator(branch) as plain:
        operator = _times(plain, places.factor)
        try:
            return together(operator, generator, config)
        except NotMeasurable as why:
            return _by_transpose(operator, generator, str(why), together is _identity)


def dense_jacobian(operator: Operator) -> torch.Tensor:
    """The whole Jacobian [B, M, N] by min(M, N) products with unit vectors."""
    by_rows = operator.num_outputs <= operator.num_inputs
    width = operator.num_outputs if by_rows else operator.num_inputs
    product = operator.rmatvec if by_rows else operator.matvec
    unit = torch.zeros(operator.num_samples, width, dtype=operator.dtype, device=operator.device)
    rows = []
    for i in range(width):
        unit[:, i] = 1.0
        rows.append(product(unit.clone()))
        unit[:, i] = 0.0
    return torch.stack(rows, dim=1 if by_rows else 2)


def _times(operator: Operator, factor: float) -> Operator:
    return operator if factor == 1.0 else Scaled(operator, factor)


def _alone(
    places: BlockPlaces,
    target: Place,
    generator: torch.Generator,
    config: SpectrumConfig,
    factor: float = 1.0,
) -> JacobianSpectrum | Unmeasured:
    """The spectrum of one Jacobian that shares no products with another."""
    with places.operator(target) as plain:
        operator = _times(plain, factor)
        try:
            if _is_small(operator, config):
                return _exact(dense_samples(dense_jacobian(operator)), operator, config)
            samples, num_products = _from_smaller_side(operator, generator, config)
            return summarise(samples, config=config, num_products=num_products)
        except NotMeasurable as why:
            return Unmeasured(
                reason=str(why), frobenius_rms=_left_frobenius(operator, generator, shift=0.0)
            )


def _from_smaller_side(
    operator: Operator, generator: torch.Generator, config: SpectrumConfig
) -> tuple[list[SampleSpectrum], int]:
    """Each sample's numbers from a start in the smaller space, which sees more, and the products.

    |J|_F^2 = M E|J^T u|^2 as well as N E|J v|^2; the variance is smaller where values are fewer.
    """
    is_wide = operator.num_inputs > operator.num_outputs
    probed = Transposed(operator) if is_wide else operator
    start = random_start(probed, generator=generator)
    recurrence = Bidiagonalisation(probed, start_BN=start)
    samples = golub_kahan_samples(recurrence, config=config)
    if is_wide:
        scale = math.sqrt(operator.num_outputs / operator.num_inputs)
        samples = [
            replace(
                s,
                frobenius_rms=scale * s.frobenius_rms,
                frobenius_error=scale * s.frobenius_error,
                num_inputs=operator.num_inputs,
            )
            for s in samples
        ]
    return samples, recurrence.num_products


def _of_whole(
    places: BlockPlaces, generator: torch.Generator, config: SpectrumConfig
) -> BlockSpectra:
    """Of a block with several branches: F = J - I, whose singular values are those of I - J."""
    with places.operator(places.output) as plain:
        whole = _times(plain, places.factor)
        try:
            block, branch, step = _with_identity(whole, -1.0, generator, config)
            return BlockSpectra(branch=branch, block=block, stability=step)
        except NotMeasurable as why:
            known = _left_frobenius(whole, generator, shift=0.0)
            block_part = Unmeasured(reason=str(why), frobenius_rms=known)
            return BlockSpectra(branch=Unmeasured(reason=str(why)), block=block_part)


def _identity(
    operator: Operator, generator: torch.Generator, config: SpectrumConfig
) -> BlockSpectra:
    branch, block, step = _with_identity(operator, 1.0, generator, config)
    return BlockSpectra(branch=branch, block=block, stability=step)


def _with_identity(
    operator: Operator, sign: float, generator: torch.Generator, config: SpectrumConfig
) -> tuple[JacobianSpectrum, JacobianSpectrum, StepStability]:
    """The spectra of J and of I + sign J, from the same start: their first product is one.

    The step's stability is that of F = J, or of F = J - I where the sign is negative.
    """
    assert operator.num_inputs == operator.num_outputs, "I + J needs a square J"
    if _is_small(operator, config):
        J_BMN = dense_jacobian(operator)
        eye = torch.eye(operator.num_inputs, dtype=J_BMN.dtype, device=J_BMN.device)
        own, plus = (dense_samples(J) for J in (J_BMN, eye + sign * J_BMN))
        step = of_jacobians(J_BMN if sign > 0 else J_BMN - eye)
        return _exact(own, operator, config), _exact(plus, operator, config), step
    v_BN = random_start(operator, generator=generator)
    Jv_BN = operator.matvec(v_BN)
    alone = Bidiagonalisation(operator, start_BN=v_BN, first_product_BM=Jv_BN)
    alone.num_products += 1
    beside = IdentityPlus(_times(operator, sign))
    both = Bidiagonalisation(beside, start_BN=v_BN, first_product_BM=v_BN + sign * Jv_BN)
    spectra = (
        golub_kahan_spectrum(alone, config=config),
        golub_kahan_spectrum(both, config=config),
    )
    shift = 0.0 if sign > 0 else -1.0
    step = by_arnoldi(operator, start_BN=v_BN, shift=shift)
    return *spectra, step


def _concat(operator: Operator, generator: torch.Generator, config: SpectrumConfig) -> BlockSpectra:
    is_small = _is_small(operator, config)
    num_products = min(operator.num_inputs, operator.num_outputs)
    if is_small:
        samples = dense_samples(dense_jacobian(operator))
    else:
        samples, num_products = _from_smaller_side(operator, generator, config)
    beside = [_mapped(s, lambda sigma: math.hypot(1.0, sigma)) for s in samples]
    branch, block = (
        summarise(s, config=config, num_products=num_products, is_exact=is_small)
        for s in (samples, beside)
    )
    return BlockSpectra(branch=branch, block=block)


def _mapped(sample: SampleSpectrum, f: Callable[[float], float]) -> SampleSpectrum:
    """The sample after a monotone map of singular values and root mean squares alike."""
    norm, rms = sample.norm, sample.frobenius_rms
    return SampleSpectrum(
        norm=f(norm),
        norm_error=f(norm + sample.norm_error) - f(norm),
        lower=f(sample.lower),
        upper=f(sample.upper),
        residual=f(norm + sample.residual) - f(norm),
        frobenius_rms=f(rms),
        frobenius_error=f(rms + sample.frobenius_error) - f(rms),
        num_inputs=sample.num_inputs,
        num_values=sample.num_inputs,
    )


def _is_small(operator: Operator, config: SpectrumConfig) -> bool:
    width = min(operator.num_inputs, operator.num_outputs)
    is_light = operator.num_inputs * operator.num_outputs <= config.dense_size
    return width <= config.dense_limit and (is_light or width <= _ALWAYS_DENSE)


def _exact(
    samples: list[SampleSpectrum], operator: Operator, config: SpectrumConfig
) -> JacobianSpectrum:
    width = min(operator.num_inputs, operator.num_outputs)
    return summarise(samples, config=config, num_products=width, is_exact=True)


def _by_transpose(
    operator: Operator, generator: torch.Generator, reason: str, is_identity: bool
) -> BlockSpectra:
    branch = _left_frobenius(operator, generator, shift=0.0)
    block = _left_frobenius(operator, generator, shift=1.0) if is_identity else None
    return BlockSpectra(
        branch=Unmeasured(reason=reason, frobenius_rms=branch),
        block=Unmeasured(reason=reason, frobenius_rms=block),
    )


def _left_frobenius(
    operator: Operator, generator: torch.Generator, *, shift: float
) -> Estimate | None:
    """|shift I + J|_F / sqrt(N) from E |J^T u|^2 = |J|_F^2 / M, u uniform on the sphere of R^M."""
    squares: list[float] = []
    for _ in range(_NUM_FALLBACK_PROBES):
        u_BM = random_start(Transposed(operator), generator=generator)
        try:
            image = operator.rmatvec(u_BM)
        except NotMeasurable:
            return None
        image = image + shift * u_BM if shift else image
        squares += image.double().square().sum(1).tolist()
    ratio = operator.num_outputs / operator.num_inputs
    mean = ratio * sum(squares) / len(squares)
    if not math.isfinite(mean) or mean == 0.0:
        return Estimate(value=mean, stderr=None, error=0.0)
    spread = sum((ratio * s - mean) ** 2 for s in squares) / (len(squares) - 1) / len(squares)
    error = math.sqrt(spread) / (2 * math.sqrt(mean))
    return Estimate(value=math.sqrt(mean), stderr=error, error=error, noise=error)
