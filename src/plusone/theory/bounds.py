"""Bounds on a product of Jacobians with and without skips, beside what random blocks do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from plusone.errors import InputError
from plusone.theory.activations import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bounds:
    """Logarithms of the end-to-end Jacobian's size for branches of spectral norm beta_l.

    log_plain    sum ln beta_l: the bound without skips, |J| <= prod |F_l'|
    log_upper    sum ln(1 + beta_l): the bound with skips, |J| <= prod |I + F_l'|
    log_lower    sum ln max(1 - beta_l, 0): the least singular value is at least this
    log_typical  sum ln(1 + beta_l^2/4) / 2: the root mean square singular value of random blocks
    """

    log_plain: FloatArray
    log_upper: FloatArray
    log_lower: FloatArray
    log_typical: FloatArray


def bounds(beta: ArrayLike, depth: int | None = None) -> Bounds:
    """The bounds for spectral norms `beta`, one per block on the last axis, or one for `depth`.

    The typical size is for square Gaussian branches: their spectral norm is 2 sigma at large width
    (Geman 1980) and their second-moment factor sigma^2 = beta^2/4, so E |Jv|^2 = prod (1 +
    beta_l^2/4). The bounds hold for any branches (Hardt and Ma 2017, arXiv 1611.04231, use
    beta < 1).

    Raises:
        InputError: a spectral norm is negative or not finite, or depth is no positive number.
    """
    betas = np.asarray(beta, dtype=np.float64)
    if not (np.isfinite(betas).all() and (betas >= 0).all()):
        raise InputError("beta, a branch's spectral norm, is 0 or more and finite.")
    if depth is not None and depth < 1:
        raise InputError(f"depth is a whole number of blocks, 1 or more, not {depth!r}.")
    terms = betas[..., None] if depth is not None else np.atleast_1d(betas)
    repeats = 1 if depth is None else depth
    with np.errstate(divide="ignore"):
        return Bounds(
            log_plain=np.log(terms).sum(-1) * repeats,
            log_upper=np.log1p(terms).sum(-1) * repeats,
            log_lower=np.log(np.maximum(1 - terms, 0.0)).sum(-1) * repeats,
            log_typical=np.log1p(terms**2 / 4).sum(-1) * repeats / 2,
        )


def log_eigenvalue_power(eigenvalue: complex, depth: int) -> tuple[float, float]:
    """L ln|lambda| and L ln|1 + lambda|: an eigenvector shared by L equal blocks, without skips
    and with. A skip keeps lambda near 0 at size 1, and lambda near -1 is what it cannot keep."""
    sizes = abs(eigenvalue), abs(1 + eigenvalue)
    plain, skipped = (depth * math.log(size) if size > 0 else -math.inf for size in sizes)
    return plain, skipped
