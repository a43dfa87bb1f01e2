"""Lanczos' tridiagonalisation of a symmetric operator, with all vectors kept orthogonal."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from plusone.distributions import Array
from plusone.errors import CaptureError
from plusone.landscape.operator import SymmetricOperator

# A vector this many rounding errors long is nothing but rounding: the Krylov space is exhausted.
_NOISE = 64.0
# How far <q_1, H q_2> may be from <H q_1, q_2>, relative to |H q|: rounding in batch norms of
# float32 nets reaches 1e-3; a graph that is cut somewhere is off by more than this.
_ASYMMETRY = {torch.float64: 1e-6}
_ASYMMETRY_LOW = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Ritz:
    """Eigenvalues of the tridiagonal matrix, ascending, and what each knows of itself.

    `residuals` are |H y - theta y| = beta_m |s_m| of the Ritz vectors y: an eigenvalue of H lies
    within. `weights` are the squared first components, the weights of Gauss quadrature.
    """

    values: Array
    residuals: Array
    weights: Array


class Lanczos:
    """H Q = Q T + beta_m q_{m+1} e_m^T: `step` appends a column to Q and a row to T.

    Every new vector is orthogonalised against all before it, so no Ritz value repeats. Where the
    next vector vanishes the space is exhausted: the Ritz values are eigenvalues, all of those
    that the start has a part in. A product that is not finite ends the run (`is_lost`).
    `random_part` is the length of what is random in the start, uniform on the sphere, over the
    start's.

    Cost of m steps: m products, m vectors of memory, O(m^2 N) arithmetic; alpha and beta are
    floats. Reference: Golub and Van Loan (2013), sec. 10.1; Paige (1980).
    """

    def __init__(
        self, operator: SymmetricOperator, *, start: torch.Tensor, random_part: float = 1.0
    ) -> None:
        self.operator = operator
        self.random_part = random_part
        self.alphas: list[float] = []
        self.betas: list[float] = []
        self.basis: list[torch.Tensor] = [start / torch.linalg.vector_norm(start)]
        self.is_exhausted = False
        self.is_lost = False
        self._noise = _NOISE * torch.finfo(start.dtype).eps

    @property
    def num_steps(self) -> int:
        """Products so far."""
        return len(self.alphas)

    @property
    def is_finished(self) -> bool:
        """Whether further steps would change nothing."""
        return self.is_exhausted or self.is_lost or self.num_steps >= self.operator.size

    @property
    def scale(self) -> float:
        """A lower bound, and soon an estimate, of the largest eigenvalue in size."""
        return max(map(abs, [*self.alphas, *self.betas]), default=0.0)

    def step(self) -> None:
        """One product, one more row.

        Raises:
            CaptureError: the operator is not symmetric, so it is no Hessian.
        """
        if self.is_finished:
            return
        q = self.basis[-1]
        image = self.operator.matvec(q)
        size = _norm(image)
        if not math.isfinite(size):
            self.is_lost = True
            return
        if self.num_steps == 1:
            self._check_symmetry(image, size)
        alpha = float(torch.dot(q, image))
        for vector in reversed(self.basis):
            image = torch.addcmul(image, torch.dot(vector, image), vector, value=-1)
        beta = _norm(image)
        self.alphas.append(alpha)
        if beta <= self._noise * max(self.scale, size) or self.num_steps >= self.operator.size:
            self.is_exhausted = True
            beta = 0.0
        else:
            self.basis.append(image / beta)
        self.betas.append(beta)

    def ritz(self, num_steps: int | None = None) -> Ritz:
        """What the first `num_steps` steps say (all of them, unless fewer are asked for)."""
        m = self.num_steps if num_steps is None else num_steps
        off = self.betas[: max(m - 1, 0)]
        T = np.diag(np.asarray(self.alphas[:m])) + np.diag(off, -1) + np.diag(off, 1)
        values, vectors = np.linalg.eigh(T)
        return Ritz(
            values=values,
            residuals=self.betas[m - 1] * np.abs(vectors[-1]),
            weights=vectors[0] ** 2,
        )

    def _check_symmetry(self, image: torch.Tensor, size: float) -> None:
        """<q_1, H q_2> must be beta_1 = <H q_1, q_2>: free of charge, and telling."""
        (beta,) = self.betas
        found = float(torch.dot(self.basis[0], image))
        allowed = _ASYMMETRY.get(image.dtype, _ASYMMETRY_LOW) * max(size, self.scale)
        if abs(found - beta) > allowed:
            raise CaptureError(
                f"the second derivatives are not symmetric (<q, Hp> = {found:.4g}, <p, Hq> = "
                f"{beta:.4g}): the backward of some operation cannot be differentiated again, or "
                "differs from its forward (as with a straight-through estimator)"
            )


def _norm(x: torch.Tensor) -> float:
    return float(torch.linalg.vector_norm(x, dtype=torch.float64))
