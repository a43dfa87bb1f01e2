"""The distribution of singular values of one large Jacobian, end to end, with its error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from plusone.distributions import Array, Rule, pool, probe_noise, spread, wasserstein
from plusone.probe.block_spectra import Unmeasured, dense_jacobian
from plusone.probe.chain import Bonds, probable_upper_bound, quadrature, ritz_largest
from plusone.probe.distribution import median, median_noise, median_resolution
from plusone.probe.fronts import Front
from plusone.probe.golub_kahan import Bidiagonalisation, random_start
from plusone.probe.operator import JacobianOperator, NotMeasurable, Place
from plusone.probe.operator_algebra import Operator, Transposed
from plusone.probe.spectrum import Estimate

# Cells by which each chain is continued: the nodes then fill a continuous spectrum.
_NUM_TAIL = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class DensityConfig:
    """How hard to try.

    Up to `exact_limit` inputs or outputs per sample the Jacobian is formed exactly. Otherwise
    Golub-Kahan runs for at least 3 and at most `max_steps` pairs of products, until another pair
    moves the distribution by less than half of `tolerance` (1-Wasserstein distance over the
    largest singular value), for each of `num_probes` starts per sample.
    """

    tolerance: float = 0.02
    max_steps: int = 8
    num_probes: int = 1
    exact_limit: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SingularDensity:
    """The singular values of J, pooled over samples, as nodes with weights that sum to 1.

    `min`, `median` and `max` are means over samples and probes. `distance_error` is the change of
    the distribution by the last pair of products plus its standard error (over samples and probes,
    and no less than random starts alone make it), as 1-Wasserstein distance over the largest
    value. `max_upper` exceeds the largest singular value with probability 95 % per sample. Where
    `min_is_upper_bound`, the smallest value is only known to be no larger than the smallest Ritz
    value; small singular values are not resolved.
    """

    nodes: tuple[float, ...]
    weights: tuple[float, ...]
    min: Estimate
    median: Estimate
    max: Estimate
    max_upper: float
    distance_error: float
    min_is_upper_bound: bool
    is_exact: bool
    converged: bool
    num_products: int
    num_samples: int

    @property
    def unresolved(self) -> tuple[str, ...]:
        """Which of min and median a few products leave unknown: they only bound them from above."""
        names = ["smallest"] if self.min_is_upper_bound else []
        # Below two errors it may as well be 0: of a spectrum with an atom there, say.
        if 2 * self.median.error >= self.median.value > 0.0:
            names.append("median")
        return tuple(names)


def end_to_end_density(
    source: Place,
    *,
    target: Place,
    batch: int | None,
    generator: torch.Generator,
    config: DensityConfig | None = None,
    fronts: Sequence[tuple[Place, Front]] = (),
) -> SingularDensity | Unmeasured:
    """The singular values of the Jacobian of `target` with respect to `source`.

    Exact by min(N, M) products where that is small, else stochastic quadrature in the smaller
    space: for v uniform on the sphere the Gauss rule of the Golub-Kahan chain of v is in
    expectation the distribution of singular values; each chain is continued by a constant tail.
    Cost: one set-up and `max_steps` pairs of products per probe at most.

    Reference: Ubaru, Chen and Saad (2017), sec. 3; tail: Haydock, Heine and Kelly (1972).
    """
    with JacobianOperator(source, target=target, batch=batch, fronts=fronts) as operator:
        return density_of(operator, generator=generator, config=config or DensityConfig())


def density_of(
    operator: Operator, *, generator: torch.Generator, config: DensityConfig
) -> SingularDensity | Unmeasured:
    """The singular values of any linear operator (see `end_to_end_density`)."""
    try:
        if min(operator.num_inputs, operator.num_outputs) <= config.exact_limit:
            return _exact(operator)
        is_wide = operator.num_inputs > operator.num_outputs
        return _quadrature(Transposed(operator) if is_wide else operator, generator, config)
    except NotMeasurable as why:
        return Unmeasured(reason=str(why))


def _exact(operator: Operator) -> SingularDensity:
    J_BMN = dense_jacobian(operator).double()
    width = min(operator.num_inputs, operator.num_outputs)
    if not bool(torch.isfinite(J_BMN).all()):
        return _lost(operator, num_products=width)
    values = torch.linalg.svdvals(J_BMN).cpu().numpy()
    rules = [(row, np.full(width, 1.0 / width)) for row in values]
    nodes, weights = pool(rules)
    return SingularDensity(
        nodes=tuple(nodes.tolist()),
        weights=tuple(weights.tolist()),
        min=_estimate(values.min(1)),
        median=_estimate(np.median(values, axis=1)),
        max=_estimate(values.max(1)),
        max_upper=float(values.max(1).mean()),
        distance_error=0.0,
        min_is_upper_bound=False,
        is_exact=True,
        converged=True,
        num_products=width,
        num_samples=operator.num_samples,
    )


def _quadrature(
    operator: Operator, generator: torch.Generator, config: DensityConfig
) -> SingularDensity:
    recurrences = [
        Bidiagonalisation(operator, start_BN=random_start(operator, generator=generator))
        for _ in range(config.num_probes)
    ]
    rules: list[Rule] = []
    change = math.inf
    while recurrences[0].num_bonds < 2 * config.max_steps:
        for recurrence in recurrences:
            recurrence.step()
            recurrence.step()
        if any(any(r.is_lost) for r in recurrences):
            return _lost(operator, num_products=sum(r.num_products for r in recurrences))
        before, rules = rules, _rules(recurrences)
        largest = max(float(nodes.max()) for nodes, _ in rules)
        if before and largest > 0:
            change = wasserstein(pool(before), pool(rules)) / largest
        settled = recurrences[0].num_bonds >= 6 and change <= 0.5 * config.tolerance
        if settled or largest == 0 or all(r.is_finished for r in recurrences):
            break
    return _summarise(operator, recurrences, rules, change, config)


def _rules(recurrences: Sequence[Bidiagonalisation]) -> list[Rule]:
    return [quadrature(b, num_tail=_NUM_TAIL) for r in recurrences for b in r.bonds]


def _summarise(
    operator: Operator,
    recurrences: Sequence[Bidiagonalisation],
    rules: list[Rule],
    change: float,
    config: DensityConfig,
) -> SingularDensity:
    bonds = [b for r in recurrences for b in r.bonds]
    width = operator.num_inputs
    ended = [is_exhausted for r in recurrences for is_exhausted in r.is_exhausted]
    is_known = all(ended)
    largest = np.array([float(nodes.max()) for nodes, _ in rules])
    smallest = np.array([float(quadrature(b)[0].min()) for b in bonds])
    lower = np.array([ritz_largest(b) for b in bonds])
    upper = [probable_upper_bound(b, num_inputs=width) for b in bonds]
    pooled = pool(rules)
    noise = probe_noise(pooled, width=width, num_rules=len(rules))
    scale = float(largest.max()) or 1.0
    error = max(spread(rules, pooled), noise) / scale + (0.0 if is_known else change)
    return SingularDensity(
        nodes=tuple(pooled[0].tolist()),
        weights=tuple(pooled[1].tolist()),
        min=_estimate(smallest),
        median=_median(list(zip(rules, bonds, ended, strict=True)), width),
        max=_estimate(largest, error=float(np.mean(largest - lower))),
        max_upper=float(np.mean(upper)),
        distance_error=error,
        min_is_upper_bound=not is_known,
        is_exact=False,
        converged=error <= config.tolerance,
        num_products=sum(r.num_products for r in recurrences),
        num_samples=operator.num_samples,
    )


def _median(chains: Sequence[tuple[Rule, Bonds, bool]], width: int) -> Estimate:
    """The mean over chains (rule, bonds, whether it has ended) of each one's median."""
    n = len(chains)
    found = [median(rule, is_known=ended) for rule, _, ended in chains]
    noises = (median_noise(rule, width=width, is_known=ended) for rule, _, ended in chains)
    resolution = sum(0.0 if ended else median_resolution(bonds) for _, bonds, ended in chains) / n
    noise = math.hypot(*noises) / n
    return _estimate(np.array(found), error=math.hypot(noise, resolution), noise=noise)


def _estimate(values: Array, error: float = 0.0, noise: float = 0.0) -> Estimate:
    n = len(values)
    stderr = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else None
    return Estimate(value=float(values.mean()), stderr=stderr, error=error, noise=noise)


def _lost(operator: Operator, *, num_products: int) -> SingularDensity:
    nothing = Estimate(value=math.nan, stderr=None, error=0.0)
    return SingularDensity(
        nodes=(),
        weights=(),
        min=nothing,
        median=nothing,
        max=nothing,
        max_upper=math.nan,
        distance_error=math.nan,
        min_is_upper_bound=False,
        is_exact=False,
        converged=False,
        num_products=num_products,
        num_samples=operator.num_samples,
    )
