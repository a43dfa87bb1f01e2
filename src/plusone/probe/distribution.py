"""The median of a distribution of singular values, and its errors."""

from __future__ import annotations

import math

import numpy as np

from plusone.distributions import Rule, pool
from plusone.probe.chain import Bonds, quadrature

# The error of the median that is put down to resolution, as a share of the (geometric) mean
# distance to the Gauss nodes on either side. Calibrated with the probe noise below on 3,672
# matrices (17 families, 20 to 700 wide, 1 to 8 samples): within the stated error in 83 %, within
# twice in 98 %. benchmarks/spectra.py --coverage repeats the measurement on fewer.
_RESOLUTION = 0.25


def median(rule: Rule, *, is_known: bool = False) -> float:
    """The median, read off the cumulative weights by linear interpolation between nodes.

    Where the chain has ended (`is_known`) the nodes are all the values that there are, between
    which there is nothing: the median is the first one that the weights up to it reach half with.
    """
    return _quantile(rule, 0.5, is_known)


def median_noise(rule: Rule, *, width: int, is_known: bool = False) -> float:
    """One standard deviation of the median over random starts (see `probe_noise`).

    Between a few values it can but jump, so there it is the whole jump that a deviation makes.
    """
    shift = math.sqrt(0.5 / (width + 2))
    both = _quantile(rule, 0.5 + shift, is_known) - _quantile(rule, 0.5 - shift, is_known)
    return both if is_known else 0.5 * both


def median_resolution(bonds: Bonds) -> float:
    """The error of the median because a few Gauss nodes stand for the whole distribution."""
    nodes, weights = pool([quadrature(bonds)])
    below = np.cumsum(weights) - weights
    middle = int(np.searchsorted(below, 0.5, side="right")) - 1
    down = float(nodes[middle] - (nodes[middle - 1] if middle else 0.0))
    if middle + 1 == len(nodes):
        return _RESOLUTION * down
    return _RESOLUTION * math.sqrt(down * float(nodes[middle + 1] - nodes[middle]))


def _quantile(rule: Rule, share: float, is_known: bool) -> float:
    nodes, weights = pool([rule])
    if is_known:
        reached = np.cumsum(weights) / np.sum(weights) >= share
        return float(nodes[int(np.argmax(reached))] if reached.any() else nodes[-1])
    middle = np.cumsum(weights) - 0.5 * weights
    return float(np.interp(share, middle, nodes))
