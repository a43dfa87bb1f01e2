"""Corrections for a finite width n, where they can be derived: no norm, linear or ReLU.

Linear. Given the gradient above, a block multiplies its square by |s u + sqrt(a/n) z|^2 with a unit
vector u and z standard normal: a/n times a chi-square of n degrees of freedom, noncentral by s n/a,
whatever came before. So blocks are independent at any width, E R is exact as it stands, and E ln
and Var ln follow from the cumulants K_r = 2^(r-1) (r-1)! (n + r s n/a) (a/n)^r; here E ln to order
n^-3 and Var ln to n^-2.

ReLU, to order 1/n. The share of units that are on varies from net to net, and along a stream it
stays as it is. With x_l, x_m the stream before blocks l < m without a missing skip between them,
rho^2 = q_l/q_m and b = a/(s + a) a block's share of the gradient that goes through its branch:

    spread   (4 a s 2 w + 5 a^2) / (s + a)^2                        of ln X_l, w the share of the
             gradient's energy above that lies on units that are on; 5/n without skips is Hanin and
             Nica 2018 (arXiv 1812.05994, theorem 1), here to n^-2
    persist  b_l b_m (2/pi) arcsin(rho)                             covariance of X_l and X_m
    cross    (2 a_l/pi) tau/(1 + tau^2)/(1 + a_l) b_m, tau^2 = q_m/q_l - 1, of two effects. Branch l
             writes along what the units of m that are on read, so the path through l and the one
             around it are not orthogonal there: twice this. And a unit that is on makes the noise
             that it gets itself larger, so that fewer than half are on at m: once this, down.

    ln E R += sum (persist + cross) / n,  E ln R += (sum cross - sum spread / 2) / n
    Var ln R = (sum spread + 2 sum persist) / n

(persist, cross and w are derived here; tests compare with Monte Carlo. For cross, what branches
between l and m hand on has been summed up: it cancels the factors 1/(1 + a_k) of skipping them.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from plusone.theory.activations import FloatArray


def linear_block(
    strength: FloatArray, skip: FloatArray | float, width: int
) -> tuple[FloatArray, FloatArray]:
    """E ln X - ln E X and Var ln X of one linear block, with a skip (1) or without (0)."""
    n = float(width)
    mean = skip + strength
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(mean > 0, strength / mean, 0.0)
        skipped = np.where(mean > 0, skip / mean, 0.0)
    k2, k3, k4 = (
        share ** (r - 1)
        * (share + r * skipped)
        * 2 ** (r - 1)
        * math.factorial(r - 1)
        / n ** (r - 1)
        for r in (2, 3, 4)
    )
    bias = -k2 / 2 + k3 / 3 - (k4 + 3 * k2**2) / 4 + 2 * k2 * k3 - 2.5 * k2**3
    return bias, k2 - k3 + 2.5 * k2**2


def relu_stack(strength: FloatArray, density: FloatArray, width: int) -> tuple[float, float, float]:
    """What to add to ln E R, E ln R and Var ln R of a ReLU stack, to order 1/n.

    `strength` and `density` have one entry per block; a given pattern is a density of 0 and 1.
    Averages over patterns are taken as they are drawn for E ln and Var ln, and weighted by R for
    ln E R. Cost: O(L * lags), the lags being where the sums have died out.
    """
    a, p = strength, density
    if ((a == 0) & (p < 1)).any():
        return 0.0, 0.0, 0.0
    tilted = p * (1 + a) / (p + a)
    own, residual = a / (1 + a), 1 / (1 + a)
    persist, cross = _pair_sums(a, tilted, a / (p + a))
    persist_typical, cross_typical = _pair_sums(a, p, p * own + 1 - p)
    energy = _energy_on(a, p)
    by_skip = 4 * a * residual**2 * energy + 5 * own**2
    spread = p * by_skip + (1 - p) * (5 + 18.5 / width)
    # A block that lacks its skip lowers the logarithm and its bias together.
    both = p * (1 - p) * np.log1p(1 / np.where(p < 1, a, 1.0)) * (5 - by_skip)
    mean_shift = (persist + cross) / width
    bias = p * by_skip / 2 + (1 - p) * (2.5 + 49 / 12 / width)
    typical_shift = (cross_typical - float(bias.sum())) / width
    return mean_shift, typical_shift, (float((spread + both).sum()) + 2 * persist_typical) / width


def _pair_sums(a: FloatArray, skip: FloatArray, branch: FloatArray) -> tuple[float, float]:
    """The sums of persist and cross over pairs, blocks having skips with probability `skip` and
    sending the share `branch` of the gradient through their branches on average."""
    starts_persist = skip * a / (1 + a)
    starts_cross = 2 * a / math.pi * skip / (1 + a)
    persist = cross = 0.0
    for lag, both, _, log_growth in _lags(a, skip):
        rest = branch[lag:]
        tau = np.sqrt(np.expm1(log_growth))
        persist += float((starts_persist[:-lag] * both * rest * _aligned(log_growth)).sum())
        cross += float((starts_cross[:-lag] * both * rest * tau / (1 + tau**2)).sum())
    return persist, cross


def _energy_on(a: FloatArray, skip: FloatArray) -> FloatArray:
    """2 w for each block: twice the share of the gradient's energy on the units that are on."""
    branch = skip * a / (1 + a) + 1 - skip
    energy = np.ones_like(a)
    for lag, _, decayed, log_growth in _lags(a, skip):
        energy[:-lag] += decayed * branch[lag:] * _aligned(log_growth)
    return energy


def _aligned(log_growth: FloatArray) -> FloatArray:
    """(2/pi) arcsin(rho): the correlation of a unit's being on, between two places of a stream."""
    aligned: FloatArray = 2 / math.pi * np.arcsin(np.exp(-log_growth / 2))
    return aligned


Lag = tuple[int, FloatArray, FloatArray, FloatArray]


def _lags(a: FloatArray, skip: FloatArray) -> Iterator[Lag]:
    """For each distance m - l: the products over l < k < m of skip and of skip/(1 + a), and the
    stream's growth ln q_m/q_l; until both products have died out."""
    log_a = np.log1p(a)
    both, decayed = np.ones(len(a)), np.ones(len(a))
    log_growth = np.zeros(len(a))
    for lag in range(1, len(a)):
        if lag > 1:
            between = skip[lag - 1 : -1]
            both = both[:-1] * between
            decayed = decayed[:-1] * between / (1 + a[lag - 1 : -1])
        else:
            both, decayed = both[:-1], decayed[:-1]
        log_growth = log_growth[:-1] + log_a[lag - 1 : -1]
        if float((both * np.exp(-log_growth / 2)).max()) < 1e-9:
            return
        yield lag, both, decayed, log_growth
