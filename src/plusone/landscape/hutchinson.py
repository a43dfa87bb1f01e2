"""The trace of a Hessian from random probes, with a confidence interval that stops it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from plusone.errors import InputError
from plusone.landscape.interrupted import Watch, finished, unwatched
from plusone.landscape.lanczos import Lanczos
from plusone.landscape.operator import (
    SymmetricOperator,
    own_generator,
    random_signs,
    random_unit,
)
from plusone.landscape.warn import warn_not_converged

# Fewer samples than these do not show how far they scatter, and a rule that stops as soon as it
# looks good would stop at the first lucky pair.
_MIN_PROBES = 8
_Z95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """tr H with its standard error over probes.

    `deflated` is the part that is known exactly, of the space spanned by `num_deflated` Lanczos
    vectors; `samples` are the single probes' estimates of the whole trace.
    """

    value: float
    stderr: float
    converged: bool
    num_products: int
    num_deflated: int
    deflated: float
    samples: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceConfig:
    """How hard to try.

    Probes are drawn until the 95 % confidence interval is within `tol` of the value on either
    side, at most `max_probes`. The first `deflate` products go into a Krylov space whose trace is
    exact and which the probes leave out.
    """

    tol: float = 0.1
    max_probes: int = 100
    deflate: int = 10


def trace(
    operator: SymmetricOperator,
    *,
    config: TraceConfig | None = None,
    generator: torch.Generator | None = None,
    recurrence: Lanczos | None = None,
    watch: Watch = unwatched,
) -> Trace:
    """tr H = tr Q^T H Q + E z^T P H P z with P = I - Q Q^T and random signs z.

    Q is an orthonormal basis from Lanczos, whose share is the sum of its alphas. The few large
    eigenvalues of a Hessian are within it after a few steps, so that the scatter of the rest,
    of variance 2 |P H P|_F^2 at most, is small (Hutch++, with a Krylov space for its sketch).
    Without deflation (`deflate` 0) it is Hutchinson's. A `recurrence` that was run before
    deflates at no cost. Warns (`NotConvergedWarning`) where `max_probes` do not suffice.

    Cost: one product for each probe and each deflated vector. Reference: Hutchinson (1990);
    Meyer, Musco, Musco and Woodruff (2021); Chen and Hallman (2023).

    Raises:
        Interrupted: Ctrl-C, with what was known by then.
        InputError: the settings mean nothing.
    """
    settings = config or TraceConfig()
    if settings.max_probes < 2 or settings.deflate < 0 or not settings.tol > 0:
        raise InputError(
            f"max_probes = {settings.max_probes} must be 2 or more, deflate = "
            f"{settings.deflate} not negative and tol = {settings.tol} above 0"
        )
    run = _Run(operator, settings, own_generator(generator), recurrence)
    found = finished(run.steps(watch), run.summary)
    if not found.converged:
        warn_not_converged(
            f"trace after {found.num_products} products: {found.value:.4g} +/- "
            f"{found.stderr:.2g} (standard error)"
        )
    return found


class _Run:
    def __init__(
        self,
        operator: SymmetricOperator,
        config: TraceConfig,
        generator: torch.Generator,
        recurrence: Lanczos | None,
    ) -> None:
        self._operator = operator
        self._config = config
        self._generator = generator
        self._given = recurrence
        self._krylov = recurrence
        if recurrence is None and config.deflate:
            self._krylov = Lanczos(operator, start=random_unit(operator, generator))
        self._samples: list[float] = []

    def steps(self, watch: Watch) -> Iterator[None]:
        total = self._config.max_probes + (0 if self._given else self._config.deflate)
        num_done = 0
        krylov = self._krylov
        if krylov is not None and self._given is None:
            while krylov.num_steps < self._config.deflate and not krylov.is_finished:
                krylov.step()
                num_done += 1
                watch(num_done / total)
                yield
        while len(self._samples) < self._config.max_probes and not self.summary().converged:
            self._samples.append(self._probe())
            num_done += 1
            watch(num_done / total)
            yield

    def _probe(self) -> float:
        z = self._outside(random_signs(self._operator, self._generator))
        return float(torch.dot(z.double(), self._operator.matvec(z).double()))

    def _outside(self, z: torch.Tensor) -> torch.Tensor:
        for q in self._basis():
            z = torch.addcmul(z, torch.dot(q, z), q, value=-1)
        return z

    def _basis(self) -> list[torch.Tensor]:
        """The vectors whose products are known."""
        return self._krylov.basis[: self._krylov.num_steps] if self._krylov is not None else []

    def summary(self) -> Trace:
        krylov = self._krylov
        deflated = math.fsum(krylov.alphas) if krylov is not None else 0.0
        if krylov is not None and krylov.is_lost:
            deflated = math.nan
        samples = np.asarray(self._samples) + deflated
        num_deflated = len(self._basis())
        given = self._given.num_steps if self._given is not None else 0
        value, stderr = _mean(samples)
        is_whole = num_deflated >= self._operator.size
        if is_whole:  # nothing is left to probe
            value, stderr = deflated, 0.0
        return Trace(
            value=value,
            stderr=stderr,
            converged=is_whole or _is_settled(samples, value, stderr, self._config.tol),
            num_products=num_deflated - given + len(samples),
            num_deflated=num_deflated,
            deflated=deflated,
            samples=tuple(samples.tolist()),
        )


def _mean(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float]:
    n = len(samples)
    if n == 0:
        return math.nan, math.nan
    stderr = float(samples.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return float(samples.mean()), stderr


def _is_settled(
    samples: np.ndarray[tuple[int], np.dtype[np.float64]], value: float, stderr: float, tol: float
) -> bool:
    n = len(samples)
    if n and not math.isfinite(value):
        return False
    return n >= _MIN_PROBES and student_95(n - 1) * stderr <= tol * abs(value)


def student_95(freedom: int) -> float:
    """The half width of a 95 % interval in standard errors, by Student's t.

    Cornish-Fisher, within 0.3 % from 5 degrees of freedom on (Abramowitz and Stegun, 26.7.5).
    """
    z = _Z95
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
