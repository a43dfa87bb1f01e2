"""What the bonds of a Golub-Kahan chain say about a matrix: pure functions of a few floats.

Golub-Kahan from a unit vector v_1 turns a matrix A into a chain v_1 - u_1 - v_2 - u_2 - ... with
bonds c = (alpha_1, beta_1, alpha_2, beta_2, ...): the symmetric tridiagonal matrix with zero
diagonal and off-diagonal c, whose eigenvalues are plus and minus the singular values (Golub and
Kahan, 1965). After m products with A and A^T the first m bonds are known.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from plusone.distributions import Array

Bonds: TypeAlias = Sequence[float]

# Bisection stops here, relative: far below the error of the chain itself.
_ROOT_TOLERANCE = 1e-5
_BOUND_TOLERANCE = 1e-3
_ROUNDING = float(np.finfo(np.float64).eps)


def ritz_largest(bonds: Bonds) -> float:
    """The largest singular value of the known chain, which never exceeds that of A. O(m)."""
    return _largest(bonds, (0.0, 0.0), low=max(bonds))


def exact_largest(bonds: Bonds) -> float:
    """The largest singular value of a chain that has ended, to rounding. O(m^3)."""
    off = np.asarray(bonds, dtype=np.float64)
    return float(np.linalg.eigvalsh(np.diag(off, -1))[-1])


def residual(bonds: Bonds) -> float:
    """A bound on the distance from the last Ritz value but one to A's nearest singular value.

    c_m |y_m|, with y the top eigenvector of the chain without its last bond: the Ritz value that
    one product less gave is known to lie within it (Saad, 2011, sec. 3.2). O(m^3), m bonds.
    """
    if len(bonds) < 2:
        return bonds[-1]
    off = np.asarray(bonds[:-1], dtype=np.float64)
    _, vectors = np.linalg.eigh(np.diag(off, -1))
    return bonds[-1] * abs(float(vectors[-1, -1]))


def extrapolated_largest(bonds: Bonds) -> float:
    """The largest singular value if the chain went on for ever with the bonds that it ends with.

    The Ritz value approaches the edge of a continuous spectrum from below like 1/m^2, while the
    bonds settle within a few steps (for a Wishart matrix at once), so the end of the infinite
    chain is known long before. Its tail alternates between the means of the later halves of the
    alphas and of the betas; it fills the band up to their sum, and an isolated value above the
    band is found by bisection on the tail's Green function. O(m) per bisection step.

    Reference: the terminator of the recursion method, Haydock, Heine and Kelly (1972).
    """
    even, odd = tail(bonds)
    after = (even, odd) if len(bonds) % 2 == 0 else (odd, even)
    edge = even + odd
    if edge > 0 and _is_above(edge * (1 + 1e-12), bonds, after):
        return edge
    return _largest(bonds, after, low=max(edge, *bonds))


def tail(bonds: Bonds) -> tuple[float, float]:
    """How the chain is taken to go on: means of the later halves of its alphas and betas."""
    return _late_mean(bonds[0::2]), _late_mean(bonds[1::2])


def probable_upper_bound(bonds: Bonds, *, num_inputs: int, risk: float = 0.05) -> float:
    """A number that the largest singular value exceeds with probability `risk` at most.

    The chain continued at energy s has entries y_i(s) proportional to the overlaps of a singular
    vector of value s with v_1, u_1, v_2, ..., so sum y_even^2 <= 1 / (v . v_1)^2, and likewise
    for the odd ones. For v_1 uniform on the sphere of R^n, P[(v . v_1)^2 < e^2 / n] is about
    e sqrt(2 / pi); the bound is the s at which the sums reach n / e^2. It guards against an
    isolated value that the start vector hardly sees. O(m) per bisection step.

    Reference: a posteriori form of Kuczynski and Wozniakowski (1992), theorem 4.1.
    """
    epsilon = risk * math.sqrt(math.pi / 2)
    limit = num_inputs / epsilon**2
    low = high = ritz_largest(bonds)
    if low <= 0 or min(bonds) <= 0:
        return low
    while _overlap(high, bonds) < limit:
        low, high = high, 2 * high
    while high - low > _BOUND_TOLERANCE * high:
        middle = 0.5 * (low + high)
        if _overlap(middle, bonds) < limit:
            low = middle
        else:
            high = middle
    return high


def quadrature(bonds: Bonds, *, num_tail: int = 0) -> tuple[Array, Array]:
    """Nodes and weights of the distribution of A's singular values as seen from v_1.

    The Gauss rule of the chain (singular values of the bidiagonal matrix, squared first entries
    of its right singular vectors: Golub and Welsch, 1969, on A^T A; Golub and Meurant, 2010).
    With `num_tail` the chain is continued by that many tail cells, which fills the gaps between
    the nodes of a continuous spectrum. Of a chain that has ended, what is zero to rounding is 0.
    Needs an even number of bonds; without a tail the last one is not used.
    """
    end = next((i for i, bond in enumerate(bonds) if bond == 0), len(bonds))
    alphas, betas = list(bonds[0 : end + 1 : 2]), list(bonds[1:end:2])
    if num_tail and end == len(bonds):
        alpha, beta = tail(bonds)
        alphas += [alpha] * num_tail
        betas += [beta] * num_tail
    matrix = np.diag(alphas) + np.diag(betas[: len(alphas) - 1], 1)
    _, values, right = np.linalg.svd(matrix)
    if end < len(bonds):
        values = np.where(values > _ROUNDING * len(values) * values[0], values, 0.0)
    return values, right[:, 0] ** 2


def _late_mean(values: Bonds) -> float:
    kept = values[len(values) - max(1, len(values) // 2) :]
    return sum(kept) / len(kept) if kept else 0.0


def _largest(bonds: Bonds, after: tuple[float, float], low: float) -> float:
    padded = (0.0, *bonds, *after)
    high = max(a + b for a, b in itertools.pairwise(padded)) * (1 + 1e-12)
    while high - low > _ROOT_TOLERANCE * high:
        middle = 0.5 * (low + high)
        if _is_above(middle, bonds, after):
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)


def _green(energy: float, first: float, second: float) -> float:
    """The Green function at the end of an infinite chain with bonds first, second, first, ..."""
    t = energy * energy - first * first + second * second
    root = math.sqrt(max(t * t - 4 * (energy * second) ** 2, 0.0))
    return 2 * energy / (t + root)


def _is_above(energy: float, bonds: Bonds, after: tuple[float, float]) -> bool:
    green = _green(energy, *after)
    for bond in reversed(bonds):
        rest = energy - bond * bond * green
        if rest <= 0:
            return False
        green = 1 / rest
    return True


def _overlap(energy: float, bonds: Bonds) -> float:
    previous, current = 0.0, 1.0
    sums = [1.0, 0.0]
    before = 0.0
    for i, bond in enumerate(bonds, start=1):
        previous, current = current, (energy * current - before * previous) / bond
        sums[i % 2] += current * current
        before = bond
    return max(sums)
