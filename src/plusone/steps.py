"""How large a residual block's step may be: forward Euler's stability.

A small change of the stream goes through x + h f(x) as I + h J, J being f's Jacobian, and along an
eigenvector as 1 + h lambda. Hairer and Wanner 1996, Solving ordinary differential equations II,
section IV.2; Haber and Ruthotto 2017 (arXiv 1705.03341, section 2) for residual nets.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike


def euler_growth(eigenvalues: ArrayLike, step: float = 1.0) -> float:
    """max |1 + h lambda|: by how much the fastest eigenvector grows over a block; NaN for none.

    At most 1 where repeating the block is stable. The eigenvalues are complex and those of the
    branch's Jacobian, without the step h.
    """
    z = step * np.asarray(eigenvalues, dtype=complex).ravel()
    return float(np.abs(1 + z).max()) if z.size else math.nan


def euler_limit(eigenvalues: ArrayLike, *, rounding: float = 0.0) -> float:
    """h* = min -2 Re(lambda) / |lambda|^2, the largest step with |1 + h lambda| <= 1 for all.

    0 where an eigenvalue does not decay (Re lambda >= 0 and lambda not 0): no step is stable;
    infinite where all are 0. What is smaller than `rounding`, or than 1e-12 of the largest, counts
    as 0: of a singular matrix in float32 an eigenvalue of 0 comes out as 1e-8 of either sign.
    """
    found = np.asarray(eigenvalues, dtype=complex).ravel()
    if not np.isfinite(found).all():
        return math.nan
    size = np.abs(found)
    kept = found[size > max(1e-12 * size.max(initial=0.0), rounding)]
    if not kept.size:
        return math.inf
    return float(max((-2 * kept.real / np.abs(kept) ** 2).min(), 0.0))
