"""The slow twin of the V-cycle: sparse matrices of Kronecker products, level by level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spl


def poisson(n: int) -> sp.csr_matrix:
    """The five-point matrix on n x n interior points, spacing 1."""
    line = sp.diags([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], [-1, 0, 1])
    eye = sp.identity(n)
    return sp.csr_matrix(sp.kron(line, eye) + sp.kron(eye, line))


def interpolation(n: int) -> sp.csr_matrix:
    """Bilinear interpolation from (n - 1) / 2 to n points a side."""
    coarse = (n - 1) // 2
    line = sp.lil_matrix((n, coarse))
    for j in range(coarse):
        line[2 * j, j], line[2 * j + 1, j], line[2 * j + 2, j] = 0.5, 1.0, 0.5
    return sp.csr_matrix(sp.kron(line, line))


def vcycle(
    u: np.ndarray, f: np.ndarray, *, weights: tuple[Sequence[float], Sequence[float]], coarsest: int
) -> np.ndarray:
    """One V-cycle of A u = f, A = poisson / h^2, by weighted Jacobi before and after; [n, n]."""
    n = len(f)
    g = f.ravel() / (n + 1) ** 2
    return _cycle(u.ravel(), g, n, weights, coarsest).reshape(n, n)


def _cycle(
    u: np.ndarray,
    g: np.ndarray,
    n: int,
    weights: tuple[Sequence[float], Sequence[float]],
    coarsest: int,
) -> np.ndarray:
    a = poisson(n)
    if n <= coarsest:
        return spl.spsolve(sp.csc_matrix(a), g)
    for w in weights[0]:
        u = u + w / 4 * (g - a @ u)
    p = interpolation(n)
    right = p.T @ (g - a @ u)  # 4 R, as the coarse spacing is twice as large
    coarse = (n - 1) // 2
    u = u + p @ _cycle(np.zeros(coarse**2), right, coarse, weights, coarsest)
    for w in weights[1]:
        u = u + w / 4 * (g - a @ u)
    return u
