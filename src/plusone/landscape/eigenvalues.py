"""The largest and the smallest eigenvalues of a Hessian by Lanczos, with error bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from plusone.errors import InputError
from plusone.landscape.hessian import HessianOperator
from plusone.landscape.interrupted import Watch, finished, unwatched
from plusone.landscape.lanczos import Lanczos, Ritz
from plusone.landscape.operator import SymmetricOperator, own_generator, random_unit
from plusone.landscape.warn import warn_not_converged

Ends = Literal["largest", "smallest", "both"]

# An eigenvalue near 0 is not asked to be known to a share of itself, but of this share of the
# largest in size.
_NEAR_ZERO = 0.1
# A gap is trusted for the quadratic bound from this many steps on, and where it is this share of
# the largest eigenvalue in size: before, and at the edge of a bulk, the neighbour that closes it
# may not have appeared. On 160 runs with matrices of 8 outliers over a normal bulk
# (tests/landscape/test_eigenvalues.py) the error then holds in 100 % at the outliers' end and in
# 94 % at the bulk's; with every gap trusted, 86 %.
_MIN_STEPS, _MIN_GAP = 3, 0.05
# What rounding leaves of an eigenvalue, in units of the largest: products of float32 nets agree
# to a few dozen units in the last place.
_ROUNDING = 16.0

# Of a start that is mostly gradient: the random part's length over the gradient's.
_RANDOM_PART = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Eigenvalue:
    """An eigenvalue with its error: `value` is a Ritz value, so from inside the spectrum.

    `residual` is |H y - value y| of its unit Ritz vector y: some eigenvalue certainly lies within
    it. `error` is the smaller residual^2 / gap (Kato-Temple) where the neighbouring Ritz values
    leave a gap.
    """

    value: float
    error: float
    residual: float
    converged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Eigenvalues:
    """The ends of a spectrum: `largest` from the top down, `smallest` from the bottom up."""

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

    Warns (`NotConvergedWarning`) where `max_steps` do not suffice. A `recurrence` is continued
    where it is given, and may serve on as what `trace` deflates by. Cost: one product a step.

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
    """A fresh Lanczos run with the start of `top_eigenvalues`, for use by several routines."""
    return Lanczos(operator, start=_start(operator, own_generator(generator)))


def _start(operator: SymmetricOperator, generator: torch.Generator) -> torch.Tensor:
    """A random vector; for a Hessian the gradient with a random part.

    Most of the gradient lies among the top eigenvectors once training has begun (Gur-Ari, Roberts
    and Dyer, 2018), which saves one to three products. The random part finds what it misses.
    """
    v = random_unit(operator, generator)
    if not isinstance(operator, HessianOperator):
        return v
    length = float(torch.linalg.vector_norm(operator.gradient))
    if not (0 < length < math.inf):
        return v
    return operator.gradient / length + _RANDOM_PART * v


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
        every = [_eigenvalue(run, ritz, i, config) for i in range(len(ritz.values))]
        if config.ends != "smallest":
            largest = tuple(every[::-1][:count])
        if config.ends != "largest":
            smallest = tuple(every[:count])
    return Eigenvalues(largest=largest, smallest=smallest, num_products=run.num_steps)


def _eigenvalue(run: Lanczos, ritz: Ritz, index: int, config: EigenConfig) -> Eigenvalue:
    value, residual = float(ritz.values[index]), float(ritz.residuals[index])
    radius = float(np.abs(ritz.values).max())
    error = residual
    gap = _gap(ritz, index)
    if run.num_steps >= _MIN_STEPS and gap > max(residual, _MIN_GAP * radius):
        error = residual**2 / gap
    rounding = _ROUNDING * torch.finfo(run.operator.dtype).eps * radius
    error = max(error, rounding)
    allowed = max(config.tol * max(abs(value), _NEAR_ZERO * radius), rounding)
    return Eigenvalue(value=value, error=error, residual=residual, converged=error <= allowed)


def _gap(ritz: Ritz, index: int) -> float:
    """How far the nearest other Ritz value, widened by its residual, stays from this one."""
    others = np.delete(np.arange(len(ritz.values)), index)
    distances = np.abs(ritz.values[others] - ritz.values[index]) - ritz.residuals[others]
    return float(distances.min(initial=0.0 if len(others) == 0 else np.inf))
