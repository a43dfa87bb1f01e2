"""How far an eigenvalue can lie beyond a Ritz value without the start having shown it."""

from __future__ import annotations

import math

import numpy as np

from plusone.distributions import Array
from plusone.landscape.lanczos import Lanczos

# Distances tried, from the shortest to the longest, a factor of 1.2 or so apart.
_NUM_TRIED = 256
_LARGE = 1e150


def reach(run: Lanczos, value: float, *, outwards: int, part: float, shortest: float) -> float:
    """How far from a Ritz value, up (`outwards` 1) or down (-1), an eigenvalue can be unseen.

    With q_1 the start and p_j the orthonormal polynomials of its Lanczos chain (p_j(H) q_1 =
    q_{j+1}), an eigenvector x of eigenvalue t has |<q_1, x>| |p_j(t)| = |<q_{j+1}, x>|, so that

        <q_1, x>^2 sum_{j <= m} p_j(t)^2 <= 1.

    The sum, 1 over Christoffel's function, grows steeply away from the Ritz values. Where it
    exceeds 1 / part^2 there is no eigenvalue, unless its eigenvector is less than `part` of the
    start. True for whatever gaps and multiplicities; costs no product. `shortest` is the least
    answer.

    Reference: van Dorsselaer, Hochstenbach and van der Vorst (2000), with p_m alone.
    """
    if run.is_exhausted:
        return shortest
    alphas, betas = run.alphas, run.betas
    # p_1 alone exceeds 1 / part from here on.
    longest = max(abs(value - alphas[0]) + betas[0] / part, 2 * shortest)
    distances = np.geomspace(shortest, longest, _NUM_TRIED)
    is_beyond = _squares(alphas, betas, value + outwards * distances) >= part**-2
    return float(distances[np.argmax(is_beyond)]) if is_beyond.any() else longest


def _squares(alphas: list[float], betas: list[float], t: Array) -> Array:
    """sum_{j <= m} p_j(t)^2 by the recurrence beta_j p_j = (t - alpha_j) p_{j-1} - ..."""
    before, now = np.zeros_like(t), np.ones_like(t)
    total = now.copy()
    last = 0.0
    for alpha, beta in zip(alphas, betas, strict=True):
        after = ((t - alpha) * now - last * before) / beta
        before, now, last = now, np.clip(after, -_LARGE, _LARGE), beta
        total += now**2
    return total


def part_of_most_starts(size: int, random_part: float, *, miss: float) -> float:
    """What of a unit vector lies along a given direction, but for a share `miss` of random starts.

    Of a vector uniform on the sphere of R^size the part z along any direction has P(|z| < d) <=
    d sqrt(2 size / pi); a fixed vector that is added makes this no likelier (Anderson). The random
    vector is `random_part` of the start.
    """
    return random_part * min(1.0, miss * math.sqrt(math.pi / (2 * size)))
