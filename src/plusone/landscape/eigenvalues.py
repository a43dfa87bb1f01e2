"""The largest and the smallest eigenvalues of a Hessian by Lanczos, with error bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from plusone.errors import InputError
from plusone.landscape.christoffel import part_of_most_starts, reach
from plusone.landscape.hessian import HessianOperator
from plusone.landscape.interrupted import Watch, finished, unwatched
from plusone.landscape.lanczos import Lanczos, Ritz
from plusone.landscape.operator import SymmetricOperator, own_generator, random_unit
from plusone.landscape.warn import warn_not_converged

Ends = Literal["largest", "smallest", "both"]

# An eigenvalue near 0 is not asked to be known to a share of itself, but of this share of the
# largest in size.
_NEAR_ZERO = 0.1
# The share of random starts that may overlook an eigenvalue beyond an end.
_MISS = 0.01
# Where the largest is asked for alone, an eigenvector is trusted to be this much of the start, by
# its share of the gradient: most of a start of hundreds of parameters are more by chance, and of
# a large net the gradient is (0.2 and 0.7 on a ResNet-20). It saves half of the products.
_CHEAP_PART = 2e-4
# The start may have less than that even of what was found, and is then an unlucky one. What is
# beyond is supposed to be a tenth of that at least; or this, where rounding leaves nothing of it.
_OF_FOUND, _NOTHING = 0.1, 1e-100
# A gap is trusted for the quadratic bound from this many steps on, and where it is this share of
# the largest eigenvalue in size: before, and at the edge of a bulk, the neighbour that closes it
# may not have appeared.
_MIN_STEPS, _MIN_GAP = 3, 0.05
# What rounding leaves of an eigenvalue, in units of the largest: products of float32 nets agree
# to a few dozen units in the last place.
_ROUNDING = 16.0

# Of a start that is mostly gradient: the random part's length over the gradient's.
_RANDOM_PART = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Eigenvalue:
    """An eigenvalue with its error: `value` is a Ritz value, so from inside the spectrum.

    The true one lies outwards by at most `error`, but for one run in a hundred, or three where the
    largest alone were asked for (measured; see `top_eigenvalues`). `residual` is |H y - value y| of
    its unit Ritz vector y: some eigenvalue, which need not be that of the end, certainly lies
    within it.
    """

    value: float
    error: float
    residual: float
    converged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Eigenvalues:
    """The ends of a spectrum: `largest` from the top down, `smallest` from the bottom up.

    Those that are closer together than their errors, or equal, count as one.
    """

    largest: tuple[Eigenvalue, ...]
    smallest: tuple[Eigenvalue, ...]
    num_products: int

    @property
    def converged(self) -> bool:
        """Whether every one is as accurate as was asked for."""
        every = (*self.largest, *self.smallest)
        return bool(every) and all(e.converged for e in every)


@dataclass(frozen=True, slots=True, kw_only=True)
class EigenConfig:
    """How hard to try: `k` eigenvalues at each of the `ends`, each to `tol` of itself.

    Those near zero are wanted to `tol` of a tenth of the largest in size, and none closer than
    rounding allows. At most `max_steps` products.
    """

    k: int = 1
    ends: Ends = "both"
    tol: float = 1e-3
    max_steps: int = 100


def top_eigenvalues(
    operator: SymmetricOperator,
    *,
    config: EigenConfig | None = None,
    generator: torch.Generator | None = None,
    recurrence: Lanczos | None = None,
    watch: Watch = unwatched,
) -> Eigenvalues:
    """The `k` largest and smallest eigenvalues, until their errors are below the tolerance.

    A small residual says that there is an eigenvalue, not that none lies beyond: the start may have
    next to nothing of that one's eigenvector. So the error is the distance beyond which no
    eigenvalue is without being less of the start than in 99 of 100 draws (see `reach`).

    The largest alone (`ends` "largest") is cheaper, and less sure: as soon as no eigenvector that
    is 2e-4 of the start or more can have an eigenvalue above it by more than the gap below it, its
    error is residual^2 / gap (Kato-Temple). Together with the smallest it is as sure as that one.

    Warns (`NotConvergedWarning`) where `max_steps` do not suffice. A `recurrence` is continued
    where it is given, and may serve on as what `trace` deflates by. Cost: one product a step.
    Reference: Parlett (1998), sec. 13; van Dorsselaer, Hochstenbach and van der Vorst (2000).

    Raises:
        Interrupted: Ctrl-C, with what was known by then.
        InputError: the settings mean nothing.
    """
    settings = config or EigenConfig()
    if settings.k < 1 or settings.max_steps < 1 or not settings.tol > 0:
        raise InputError(
            f"k = {settings.k}, max_steps = {settings.max_steps} and tol = {settings.tol} must "
            "be above 0"
        )
    if recurrence is None:
        recurrence = recurrence_of(operator, generator=generator)
    run = recurrence
    found = finished(_steps(run, settings, watch), lambda: _ends(run, settings))
    if not found.converged:
        worst = next(e for e in (*found.largest, *found.smallest) if not e.converged)
        warn_not_converged(
            f"eigenvalues after {found.num_products} products: {worst.value:.4g} is known to "
            f"{worst.error:.2g}"
        )
    return found


def recurrence_of(
    operator: SymmetricOperator, *, generator: torch.Generator | None = None
) -> Lanczos:
    """A fresh Lanczos run with the start of `top_eigenvalues`, for use by several routines.

    The start is random; for a Hessian it is the gradient with a random part.
    """
    start = random = random_unit(operator, own_generator(generator))
    # Most of the gradient lies among the top eigenvectors once training has begun (Gur-Ari, Roberts
    # and Dyer, 2018), which saves one to three products. The random part finds what it misses.
    if isinstance(operator, HessianOperator):
        length = float(torch.linalg.vector_norm(operator.gradient))
        if 0 < length < math.inf:
            random = _RANDOM_PART * random
            start = operator.gradient / length + random
    norms = [float(torch.linalg.vector_norm(v)) for v in (random, start)]
    return Lanczos(operator, start=start, random_part=norms[0] / norms[1])


def _steps(run: Lanczos, config: EigenConfig, watch: Watch) -> Iterator[None]:
    while not run.is_finished and run.num_steps < config.max_steps:
        run.step()
        watch(run.num_steps / config.max_steps)
        yield
        if run.num_steps >= config.k and _ends(run, config).converged:
            return


def _ends(run: Lanczos, config: EigenConfig) -> Eigenvalues:
    largest: tuple[Eigenvalue, ...] = ()
    smallest: tuple[Eigenvalue, ...] = ()
    if run.is_lost:
        lost = Eigenvalue(value=math.nan, error=math.nan, residual=math.nan, converged=False)
        largest = () if config.ends == "smallest" else (lost,)
        smallest = () if config.ends == "largest" else (lost,)
    elif run.num_steps:
        ritz = run.ritz()
        count = min(config.k, len(ritz.values))
        if config.ends != "smallest":
            last = len(ritz.values) - 1
            largest = tuple(_eigenvalue(run, ritz, last - i, 1, config) for i in range(count))
        if config.ends != "largest":
            smallest = tuple(_eigenvalue(run, ritz, i, -1, config) for i in range(count))
    return Eigenvalues(largest=largest, smallest=smallest, num_products=run.num_steps)


def _eigenvalue(
    run: Lanczos, ritz: Ritz, index: int, outwards: int, config: EigenConfig
) -> Eigenvalue:
    value, residual = float(ritz.values[index]), float(ritz.residuals[index])
    radius = float(np.abs(ritz.values).max())
    rounding = _ROUNDING * torch.finfo(run.operator.dtype).eps * max(radius, run.scale)
    part = part_of_most_starts(run.operator.size, run.random_part, miss=_MISS)
    is_cheap = config.ends == "largest"
    if is_cheap:
        part = max(part, _CHEAP_PART)
    part = max(min(part, _OF_FOUND * math.sqrt(ritz.weights[index])), _NOTHING)
    error = beyond = reach(run, value, outwards=outwards, part=part, shortest=rounding)
    gap = _gap(ritz, index)
    has_gap = run.num_steps >= _MIN_STEPS and gap > max(residual, beyond, _MIN_GAP * radius)
    if is_cheap and has_gap:
        error = max(residual**2 / gap, rounding)
    allowed = max(config.tol * max(abs(value), _NEAR_ZERO * radius), rounding)
    return Eigenvalue(value=value, error=error, residual=residual, converged=error <= allowed)


def _gap(ritz: Ritz, index: int) -> float:
    """How far the nearest other Ritz value, widened by its residual, stays from this one."""
    others = np.delete(np.arange(len(ritz.values)), index)
    distances = np.abs(ritz.values[others] - ritz.values[index]) - ritz.residuals[others]
    return float(distances.min(initial=0.0 if len(others) == 0 else np.inf))
