"""The step of Euler's method that a residual block implies: max |1 + lambda|, and how far h may go.

x + F(x) is one step of size 1 along dx/dt = F(x). A small change goes through it as I + F', so the
block repeated is stable where |1 + lambda| <= 1 for every eigenvalue lambda of F', and F times h up
to h* = min -2 Re(lambda) / |lambda|^2 (`plusone.steps`; Haber and Ruthotto 2017, arXiv 1705.03341).
Eigenvalues are the Jacobian's where it is small, else Ritz values of a short Arnoldi process (Saad
2011, Numerical methods for large eigenvalue problems, section 6.2), which finds the outer ones
first and from inside (of a random matrix of radius 1 it makes 1.4 to 1.8 where 2 is right). Their
residual is the distance to a matrix that has them exactly; of a matrix far from normal the
eigenvalues themselves may be further off. What lies inside grows less and may step further than
what it stands for: both are estimates from the unsafe side, and their errors, to first order the
residual times the derivative (1, and 2 / |lambda|^2 for h*), are not to be left out.

Shape suffixes: B samples, N inputs, K steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from plusone.probe.operator_algebra import Operator
from plusone.steps import euler_growth, euler_limit

NUM_STEPS = 6
"""Products for each block, a backward each; its spectra take some fourteen, half of them two."""
_EXHAUSTED = 1e-5  # an invariant space, relative to the largest entry so far


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStability:
    """Means over samples; errors are over samples and by the residuals, None of one exact sample.

    `growth` is max |1 + lambda| and `limit` is h*, of which a mean may be infinite. By Ritz values
    `growth` is nearly always too small and `limit` mostly too large, by about their errors.
    """

    growth: float
    growth_error: float | None
    limit: float
    limit_error: float | None
    is_exact: bool


def of_jacobians(jacobian_BNN: torch.Tensor) -> StepStability:
    """From whole Jacobians of the branch; NaN where one is not finite."""
    matrices = [j.double().cpu().numpy() for j in jacobian_BNN]
    eps = torch.finfo(jacobian_BNN.dtype).eps
    levels = [_rounding(j, eps) for j in matrices]
    exact = [np.zeros(1)] * len(matrices)
    return _summary([_eigenvalues(j) for j in matrices], exact, levels, is_exact=True)


def by_arnoldi(operator: Operator, *, start_BN: torch.Tensor, shift: float = 0.0) -> StepStability:
    """From `NUM_STEPS` products with the transpose, whose eigenvalues are the same and which take
    one backward each instead of two; `start_BN` are unit vectors.

    `shift` is added to every eigenvalue of the operator.

    Raises:
        NotMeasurable: the operator cannot be applied.
    """
    h_BKK, is_lost = _hessenberg(operator, start_BN)
    eps = torch.finfo(start_BN.dtype).eps
    values, residuals, levels = [], [], []
    for h, lost in zip(h_BKK, is_lost, strict=True):
        levels.append(_rounding(h, eps) + eps * abs(shift))
        if lost:
            values.append(np.array([complex(math.nan)]))
            residuals.append(np.array([math.nan]))
            continue
        size = h.shape[1]
        for k in range(size):  # an exhausted space is exact, and what follows is nothing
            if h[k + 1, k] <= _EXHAUSTED * np.abs(h[: k + 2, : k + 1]).max():
                size = k + 1
                h = h.copy()
                h[size, size - 1] = 0.0
                break
        ritz, vectors = np.linalg.eig(h[:size, :size])
        values.append(ritz + shift)
        residuals.append(h[size, size - 1] * np.abs(vectors[-1]))
    return _summary(values, residuals, levels, is_exact=False)


def _hessenberg(operator: Operator, start_BN: torch.Tensor) -> tuple[np.ndarray, list[bool]]:
    """V^T A^T V of the Krylov space, [B, K + 1, K], float64, and which samples are not finite."""
    steps = min(NUM_STEPS, operator.num_inputs)
    h_BKK = np.zeros((operator.num_samples, steps + 1, steps))
    basis = [start_BN]
    for k in range(steps):
        image = operator.rmatvec(basis[-1])
        for _ in range(2):  # once more, for what rounding left
            for i, vector in enumerate(basis):
                along = torch.linalg.vecdot(vector, image)
                h_BKK[:, i, k] += along.double().cpu().numpy()
                image = image - along[:, None] * vector
        length = torch.linalg.vector_norm(image, dim=1, keepdim=True)
        h_BKK[:, k + 1, k] = length[:, 0].double().cpu().numpy()
        basis.append(torch.where(length > 0, image / length, torch.zeros_like(image)))
    return h_BKK, [not np.isfinite(h).all() for h in h_BKK]


def _eigenvalues(jacobian: np.ndarray) -> np.ndarray:
    if not np.isfinite(jacobian).all():
        return np.array([complex(math.nan)])
    found: np.ndarray = np.linalg.eigvals(jacobian)
    return found


def _rounding(matrix: np.ndarray, eps: float) -> float:
    """How far from 0 rounding may put an eigenvalue of 0 of a matrix that is near normal."""
    if not np.isfinite(matrix).all():
        return 0.0
    return len(matrix) * eps * float(np.linalg.norm(matrix, 2))


def _summary(
    eigenvalues: Sequence[np.ndarray],
    residuals: Sequence[np.ndarray],
    levels: Sequence[float],
    *,
    is_exact: bool,
) -> StepStability:
    """`residuals` has one entry for each eigenvalue, or one for all of a sample."""
    growths = np.array([euler_growth(values) for values in eigenvalues])
    limits = np.array(
        [euler_limit(v, rounding=level) for v, level in zip(eigenvalues, levels, strict=True)]
    )
    pairs = list(zip(eigenvalues, residuals, strict=True))
    of_growth = [_at(r, np.abs(1 + v).argmax()) for v, r in pairs]
    of_limit = [_limit_error(*pair, level) for pair, level in zip(pairs, levels, strict=True)]
    return StepStability(
        growth=float(growths.mean()),
        growth_error=_error(growths, float(np.mean(of_growth))),
        limit=float(limits.mean()),
        limit_error=_error(limits, float(np.mean(of_limit))),
        is_exact=is_exact,
    )


def _at(residuals: np.ndarray, place: np.intp) -> float:
    return float(residuals[min(int(place), len(residuals) - 1)])


def _limit_error(values: np.ndarray, residuals: np.ndarray, level: float) -> float:
    """How far h* may be off as the eigenvalue that binds it is: of -2 Re(lambda) / |lambda|^2 the
    gradient's length is 2 / |lambda|^2. Where no step is stable, how far one might be."""
    size = np.abs(values)
    if not np.isfinite(values).all():
        return math.nan
    kept = np.flatnonzero(size > max(1e-12 * size.max(initial=0.0), level))
    if not len(kept):
        return 0.0
    steps = -2 * values[kept].real / size[kept] ** 2
    binding = kept[steps.argmin()]
    error = 2 * _at(residuals, binding) / float(size[binding]) ** 2
    return max(float(steps.min()) + error, 0.0) if steps.min() < 0 else error


def _error(values: np.ndarray, residual: float) -> float | None:
    spread = 0.0
    if len(values) > 1 and np.isfinite(values).all():
        spread = float(values.std(ddof=1)) / math.sqrt(len(values))
    return math.hypot(spread, residual) or None
