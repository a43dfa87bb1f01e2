"""What one cycle leaves of the slowest error, for ours and PyAMG's by the same means; its cost."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from plusone.labs.base.extra import need
from plusone.nn import VCycle

JACOBI = 0.8
_RESIDUAL, _RESIDUAL_OF_LARGE, _LARGE = 0.01, 0.02, 512**2
_NUM_VECTORS = 12
"""ARPACK's: where it ends, as a share of the eigenvalue, also with more than 512 x 512 points,
and how many errors it keeps."""

Step = Callable[[np.ndarray], np.ndarray]


def classical(sweeps: int, *, skips: bool = True) -> VCycle:
    """V(sweeps, sweeps) with Jacobi sweeps of weight 0.8, float64."""
    return VCycle(
        pre=sweeps,
        post=sweeps,
        weights=(JACOBI,) * (2 * sweeps),
        skips=skips,
        dtype=torch.float64,
    )


def radius(step: Step, start: np.ndarray) -> float:
    """The largest magnitude of an eigenvalue of a linear map of errors [N], by ARPACK.

    The mean growth over the last of 25 cycles from noise is 3 to 5 % below it, as the spectrum is
    dense at its end. Krylov's space of 20 to 40 cycles is below it too, by 0.1 % on 31 x 31 points
    (against dense eigenvalues) and 0.4 % up to 511 x 511 (against ten times smaller residuals); on
    larger grids, where cycles cost most, 20 or so by up to 0.7 % more.
    """
    linalg = need("scipy.sparse.linalg")
    found = linalg.eigs(
        linalg.LinearOperator((start.size,) * 2, matvec=step, dtype=start.dtype),
        k=1,
        v0=start,
        tol=_RESIDUAL if start.size <= _LARGE else _RESIDUAL_OF_LARGE,
        ncv=_NUM_VECTORS,
        return_eigenvectors=False,
    )
    return float(np.abs(found).max())


@torch.no_grad()
def factor(cycle: VCycle, side: int, generator: torch.Generator) -> float:
    """The asymptotic convergence factor: the spectral radius of a cycle with f = 0.

    Of the whole net alone: without its skips one that forgets u seems to converge.
    """
    start = torch.randn(side, side, generator=generator, dtype=torch.float64)
    zero = torch.zeros_like(start)

    def step(u: np.ndarray) -> np.ndarray:
        after: np.ndarray = cycle(torch.tensor(u).reshape(side, side), zero).numpy().ravel()
        return after

    return radius(step, start.numpy().ravel())


def amg(side: int, generator: torch.Generator) -> tuple[float, float]:
    """PyAMG's factors with the same sweeps, Ruge-Stuben and smoothed aggregation; else NaN."""
    try:
        import pyamg
    except ModuleNotFoundError:  # a peer beside the lab, not part of it
        return math.nan, math.nan
    matrix = pyamg.gallery.poisson((side, side), format="csr")
    start = torch.randn(side * side, generator=generator, dtype=torch.float64).numpy()
    zero = np.zeros_like(start)
    sweeps = ("jacobi", {"omega": JACOBI, "iterations": 2, "withrho": False})
    found = []
    for make in (pyamg.ruge_stuben_solver, pyamg.smoothed_aggregation_solver):
        solver = make(matrix, presmoother=sweeps, postsmoother=sweeps)

        def step(u: np.ndarray, solver: object = solver) -> np.ndarray:
            after: np.ndarray = solver.solve(zero, x0=u, tol=1e-300, maxiter=1)  # type: ignore[attr-defined]
            return after

        found.append(radius(step, start))
    return found[0], found[1]


def operations(side: int) -> float:
    """Floating-point operations a point of a cycle of V(2,2): its convolutions', counted."""
    cycle, zero = classical(2), torch.zeros(side, side, dtype=torch.float64)
    cycle(zero, zero)  # makes the coarsest inverse, once and for all
    with FlopCounterMode(display=False) as counter:
        cycle(zero, zero)
    return float(counter.get_total_flops()) / side**2
