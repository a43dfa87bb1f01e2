"""Cycles to a solution, damping by frequency, and a cycle without one of its parts."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from plusone.labs.base.extra import need
from plusone.labs.multigrid.factors import JACOBI, classical
from plusone.nn import VCycle
from plusone.nn.multigrid.stencils import residual

PARTS = ("whole", "no skip", "no coarse path")
NUM_CYCLES = 10


def solved(side: int, generator: torch.Generator) -> tuple[int, float]:
    """Cycles of V(2,2) with Jacobi to a residual of 1e-8, and CPU microseconds a point."""
    f = torch.randn(side, side, generator=generator, dtype=torch.float64)
    solver = classical(2)
    start = time.process_time()
    found = solver.solve(f, tolerance=1e-8)
    return found.num_cycles, 1e6 * (time.process_time() - start) / side**2


def damping(cycle: VCycle | None, side: int) -> tuple[list[float], list[float]]:
    """The damping of the modes (p, p), p = 1 ... side, by a cycle or a Jacobi sweep; and theory's.

    Theory's is that of the sweep: |1 - 1.6 sin^2(p pi h / 2)|.
    """
    number = torch.arange(1, side + 1, dtype=torch.float64)
    x = number * math.pi / (side + 1)
    modes = torch.sin(number[:, None] * x)
    u = modes[:, :, None] * modes[:, None, :]
    if cycle is not None:
        with torch.no_grad():
            after = cycle(u, torch.zeros_like(u))
    else:
        after = u + JACOBI / 4 * residual(u, torch.zeros_like(u), classical(1).stencil)
    found = after.flatten(1).norm(dim=1) / u.flatten(1).norm(dim=1)
    theory = (1 - 2 * JACOBI * torch.sin(x / 2) ** 2).abs()
    return found.tolist(), theory.tolist()


def smoothest(side: int) -> float:
    """The damping of the mode (1, 1) by one Jacobi sweep, measured."""
    wave = torch.sin(torch.arange(1, side + 1, dtype=torch.float64) * math.pi / (side + 1))
    u = torch.outer(wave, wave)[None, None]
    after = u + JACOBI / 4 * residual(u, torch.zeros_like(u), classical(1).stencil)
    return float(after.norm() / u.norm())


def forecast(side: int) -> int:
    """Jacobi sweeps that take the smoothest error to 1e-8, by theory: 1 - 1.6 sin^2(pi h / 2)."""
    return math.ceil(
        math.log(1e-8) / math.log1p(-2 * JACOBI * math.sin(math.pi / 2 / (side + 1)) ** 2)
    )


@torch.no_grad()
def without(part: str, side: int, generator: torch.Generator) -> Mapping[str, object]:
    """Relative errors over 10 cycles, with f = A u of a smooth and rough u, and with f = 0."""
    x = torch.arange(1, side + 1, dtype=torch.float64) / (side + 1)
    smooth = torch.outer(torch.sin(math.pi * x), torch.sin(2 * math.pi * x))
    exact = smooth + 0.1 * torch.randn(side, side, generator=generator, dtype=torch.float64)
    zero = torch.zeros_like(exact)
    f = _applied(exact)
    cycle = classical(2, skips=part != "no skip")
    if part == "no coarse path":
        cycle.prolongation.zero_()
    errors, forgotten = [1.0], [1.0]
    u, v = zero, exact
    for _ in range(NUM_CYCLES):
        u, v = cycle(u, f), cycle(v, zero)
        errors.append(float((u - exact).norm() / exact.norm()))
        forgotten.append(float(v.norm() / exact.norm()))
    return {"errors": errors, "f = 0": forgotten}


def _applied(u: Tensor) -> Tensor:
    """A u, by the matrix."""
    side = len(u)
    product: np.ndarray = matrix(side) @ u.numpy().ravel() * (side + 1) ** 2
    return torch.from_numpy(product).reshape(side, side)


def matrix(side: int) -> object:
    """Poisson's matrix at spacing 1, by Kronecker products."""
    sparse = need("scipy.sparse")
    line = sparse.diags([-1.0, 2.0, -1.0], [-1, 0, 1], shape=(side, side))
    eye = sparse.identity(side)
    return sparse.csr_matrix(sparse.kron(line, eye) + sparse.kron(eye, line))


def difference(side: int, generator: torch.Generator) -> float:
    """How far a cycle is from the same of sparse matrices, relative to the largest value."""
    u, f = torch.randn(2, side, side, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        found = classical(2)(u, f).numpy().ravel()
    expected = _by_matrices(u.numpy().ravel(), f.numpy().ravel() / (side + 1) ** 2, side)
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _by_matrices(u: np.ndarray, g: np.ndarray, side: int) -> np.ndarray:
    sparse, a = need("scipy.sparse"), matrix(side)
    if side <= 7:
        solved: np.ndarray = need("scipy.sparse.linalg").spsolve(sparse.csc_matrix(a), g)
        return solved
    coarse = side // 2
    line = sparse.lil_matrix((side, coarse))
    for j in range(coarse):
        line[2 * j : 2 * j + 3, j] = np.array([[0.5], [1.0], [0.5]])
    p = sparse.csr_matrix(sparse.kron(line, line))
    for _ in range(2):
        u = u + JACOBI / 4 * (g - a @ u)
    u = u + p @ _by_matrices(np.zeros(coarse**2), p.T @ (g - a @ u), coarse)
    for _ in range(2):
        u = u + JACOBI / 4 * (g - a @ u)
    return u
