"""The spectral density of a Hessian by stochastic Lanczos quadrature, with its errors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from plusone.distributions import Array, Rule, pool, probe_noise, spread, wasserstein
from plusone.errors import InputError
from plusone.landscape.interrupted import Watch, finished, unwatched
from plusone.landscape.lanczos import Lanczos
from plusone.landscape.operator import SymmetricOperator, own_generator, random_unit
from plusone.landscape.warn import warn_not_converged

# The distribution is compared with that of this share of its steps.
_EARLIER = 0.75
# The grid reaches this many broadenings beyond the outermost nodes.
_MARGIN = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """The eigenvalues as a distribution of mass 1: nodes with weights, and smoothed on a grid.

    `density[i]` is the density at `grid[i]` under a normal kernel of standard deviation
    `broadening`, and `stderr[i]` its standard error: over probes, and no less than random starts
    alone make it. `distance_error` is the 1-Wasserstein distance, over the width of the spectrum,
    by which the last quarter of the steps moved the distribution, plus its standard error.
    `negative_share` counts eigenvalues below zero by more than the broadening: most of a net's
    are so close to zero that no number of steps tells their signs.
    """

    nodes: tuple[float, ...]
    weights: tuple[float, ...]
    grid: tuple[float, ...]
    density: tuple[float, ...]
    stderr: tuple[float, ...]
    broadening: float
    distance_error: float
    negative_share: float
    converged: bool
    num_steps: int
    num_probes: int
    num_products: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DensityConfig:
    """How hard to try: `num_probes` starts of `num_steps` products each.

    `tol` is the `distance_error` up to which it counts as converged. The grid has `num_points`;
    the kernel's standard deviation is `broadening`, or 1 % of the spectrum's width.
    """

    num_steps: int = 50
    num_probes: int = 2
    tol: float = 0.02
    num_points: int = 401
    broadening: float | None = None


def spectral_density(
    operator: SymmetricOperator,
    *,
    config: DensityConfig | None = None,
    generator: torch.Generator | None = None,
    watch: Watch = unwatched,
) -> Density:
    """phi(t) = tr N(t; H, broadening^2) / N, as the mean over probes of their Gauss rules.

    For v uniform on the sphere the Gauss rule of v's Lanczos chain is in expectation the
    distribution of eigenvalues; with N parameters one probe alone errs by sqrt(2 F (1 - F) /
    (N + 2)) in the share F below any value. Warns (`NotConvergedWarning`) where the steps do not
    suffice for the tolerance.

    Where there are no more parameters than products, these go to the unit vectors, and all
    eigenvalues are exact.

    Cost: `num_probes` x `num_steps` products, or one for each parameter. Reference: Lin, Saad and
    Yang (2016); Ghorbani, Krishnan and Xiao (2019).

    Raises:
        Interrupted: Ctrl-C, with what was known by then.
        InputError: the settings mean nothing.
    """
    settings = config or DensityConfig()
    _check(settings)
    if operator.size <= settings.num_probes * settings.num_steps:
        columns: list[torch.Tensor] = []
        found = finished(
            _columns(operator, columns, watch), lambda: _exact(operator, settings, columns)
        )
    else:
        source = own_generator(generator)
        runs: list[Lanczos] = []
        found = finished(
            _steps(operator, settings, source, runs, watch),
            lambda: _summary(operator, settings, runs),
        )
    if not found.converged:
        warn_not_converged(
            f"density after {found.num_products} products: its distribution is known to "
            f"{found.distance_error:.2g} of the spectrum's width"
        )
    return found


def _check(config: DensityConfig) -> None:
    counts = {name: getattr(config, name) for name in ("num_steps", "num_probes", "num_points")}
    for name, count in counts.items():
        if count < 1:
            raise InputError(f"{name} is {count}; it must be 1 or more")
    if config.broadening is not None and not config.broadening > 0:
        raise InputError(f"broadening is {config.broadening}; it must be above 0")


def _steps(
    operator: SymmetricOperator,
    config: DensityConfig,
    generator: torch.Generator,
    runs: list[Lanczos],
    watch: Watch,
) -> Iterator[None]:
    total = config.num_probes * config.num_steps
    for number in range(config.num_probes):
        run = Lanczos(operator, start=random_unit(operator, generator))
        runs.append(run)
        while run.num_steps < config.num_steps and not run.is_finished:
            run.step()
            watch((number * config.num_steps + run.num_steps) / total)
            yield
        run.basis.clear()  # the chain is all that is needed, and vectors are large
        if run.is_lost:
            return


def _columns(
    operator: SymmetricOperator, columns: list[torch.Tensor], watch: Watch
) -> Iterator[None]:
    for index in range(operator.size):
        unit = torch.zeros(operator.size, dtype=operator.dtype, device=operator.device)
        unit[index] = 1.0
        columns.append(operator.matvec(unit))
        watch((index + 1) / operator.size)
        yield


def _exact(
    operator: SymmetricOperator, config: DensityConfig, columns: list[torch.Tensor]
) -> Density:
    """The eigenvalues of the whole matrix; nothing is known of them before its last column."""
    n = operator.size
    matrix = torch.stack(columns).double().cpu().numpy() if columns else np.empty((0, n))
    if len(columns) < n or not np.isfinite(matrix).all():
        return _lost(len(columns))
    values: Array = np.asarray(np.linalg.eigvalsh((matrix + matrix.T) / 2), dtype=np.float64)
    # What rounding did to the products: their matrix is not quite symmetric.
    rounding = np.linalg.norm(matrix - matrix.T) + torch.finfo(operator.dtype).eps * np.abs(values)
    error = float(np.max(rounding)) / _scale(values)
    return _density(
        [(values, np.full(n, 1 / n))],
        config,
        size=math.inf,  # no start was random: no scatter
        error=error,
        converged=error <= config.tol,
        num_steps=n,
        num_products=n,
    )


def _summary(operator: SymmetricOperator, config: DensityConfig, runs: list[Lanczos]) -> Density:
    started = [run for run in runs if run.num_steps]
    if not started or any(run.is_lost for run in runs):
        return _lost(sum(run.num_steps for run in runs))
    rules = [_rule(run, run.num_steps) for run in started]
    pooled = pool(rules)
    nodes, _ = pooled
    change = 0.0
    if not all(run.is_exhausted for run in started):
        earlier = [_rule(run, max(1, int(_EARLIER * run.num_steps))) for run in started]
        change = wasserstein(pool(earlier), pooled)
    noise = probe_noise(pooled, width=operator.size, num_rules=len(rules))
    error = (change + max(spread(rules, pooled), noise)) / _scale(nodes)
    is_whole = len(started) == config.num_probes and all(
        run.is_finished or run.num_steps >= config.num_steps for run in started
    )
    return _density(
        rules,
        config,
        size=operator.size,
        error=error,
        converged=is_whole and error <= config.tol,
        num_steps=min(run.num_steps for run in started),
        num_products=sum(run.num_steps for run in runs),
    )


def _density(
    rules: Sequence[Rule],
    config: DensityConfig,
    *,
    size: float,
    error: float,
    converged: bool,
    num_steps: int,
    num_products: int,
) -> Density:
    nodes, weights = pool(rules)
    width = float(nodes[-1] - nodes[0])
    broadening = config.broadening or 0.01 * (width or abs(float(nodes[0])) or 1.0)
    grid = np.linspace(
        nodes[0] - _MARGIN * broadening, nodes[-1] + _MARGIN * broadening, config.num_points
    )
    density, stderr = _smoothed(grid, rules, broadening, size)
    return Density(
        nodes=tuple(nodes.tolist()),
        weights=tuple(weights.tolist()),
        grid=tuple(grid.tolist()),
        density=tuple(density.tolist()),
        stderr=tuple(stderr.tolist()),
        broadening=broadening,
        distance_error=error,
        negative_share=float(weights[nodes < -broadening].sum()),
        converged=converged,
        num_steps=num_steps,
        num_probes=len(rules),
        num_products=num_products,
    )


def _scale(nodes: Array) -> float:
    """The spectrum's width; one of a single value has none, and its rounding is no scatter."""
    return max(float(nodes[-1] - nodes[0]), float(np.abs(nodes).max()) * 1e-3) or 1.0


def _rule(run: Lanczos, num_steps: int) -> Rule:
    ritz = run.ritz(num_steps)
    return ritz.values, ritz.weights / ritz.weights.sum()


def _smoothed(
    grid: Array, rules: Sequence[Rule], broadening: float, size: float
) -> tuple[Array, Array]:
    """The density on the grid and its standard error.

    A start uniform on the sphere gives v^T g(H) v the variance 2 (<g^2> - <g>^2) / (N + 2), with
    means over the spectrum; where several were drawn, their scatter counts if it is larger.
    """
    values = []
    squares = []
    for nodes, weights in rules:
        kernel = np.exp(-0.5 * ((grid[:, None] - nodes) / broadening) ** 2)
        kernel /= broadening * math.sqrt(2 * math.pi)
        values.append(kernel @ weights)
        squares.append(kernel**2 @ weights)
    n = len(rules)
    mean, square = np.mean(values, axis=0), np.mean(squares, axis=0)
    variance = 2 * np.maximum(square - mean**2, 0.0) / ((size + 2) * n)
    if n > 1:
        variance = np.maximum(variance, np.var(values, axis=0, ddof=1) / n)
    return mean, np.sqrt(variance)


def _lost(num_products: int) -> Density:
    return Density(
        nodes=(),
        weights=(),
        grid=(),
        density=(),
        stderr=(),
        broadening=math.nan,
        distance_error=math.nan,
        negative_share=math.nan,
        converged=False,
        num_steps=0,
        num_probes=0,
        num_products=num_products,
    )
