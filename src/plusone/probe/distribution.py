"""Distributions of singular values as rules (nodes, weights): distance, median, and their errors.

A rule comes from one random start: its weights are squared overlaps of singular vectors with a
vector uniform on the sphere, so the rule is itself random, and exact in expectation alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from plusone.probe.chain import Array, Bonds, quadrature

Rule: TypeAlias = tuple[Array, Array]

# The error of the median that is put down to resolution, as a share of the (geometric) mean
# distance to the Gauss nodes on either side. Calibrated with the probe noise below on 3,672
# matrices (17 families, 20 to 700 wide, 1 to 8 samples): within the stated error in 83 %, within
# twice in 98 %. benchmarks/spectra.py --coverage repeats the measurement on fewer.
_RESOLUTION = 0.25


def wasserstein(first: Rule, second: Rule) -> float:
    """The 1-Wasserstein distance of two discrete distributions (nodes, weights).

    The integral of the absolute difference of their cumulative functions. O(n log n).
    """
    points = np.sort(np.concatenate([first[0], second[0]]))
    gaps = np.diff(points)
    difference = _cumulative(first, points[:-1]) - _cumulative(second, points[:-1])
    return float(np.sum(gaps * np.abs(difference)))


def _cumulative(rule: Rule, points: Array) -> Array:
    order = np.argsort(rule[0])
    sums = np.concatenate([[0.0], np.cumsum(rule[1][order])]) / np.sum(rule[1])
    found: Array = sums[np.searchsorted(rule[0][order], points, side="right")]
    return found


def pool(rules: Sequence[Rule]) -> Rule:
    """The mean of the distributions, with its nodes in ascending order."""
    nodes = np.concatenate([nodes for nodes, _ in rules])
    weights = np.concatenate([weights for _, weights in rules]) / len(rules)
    order = np.argsort(nodes)
    return nodes[order], weights[order]


def spread(rules: Sequence[Rule], pooled: Rule) -> float:
    """About one standard error of the pooled rule: mean distance of single ones, over sqrt(n)."""
    if len(rules) < 2:
        return 0.0
    distances = [wasserstein(rule, pooled) for rule in rules]
    return float(np.mean(distances)) / math.sqrt(len(rules) - 1)


def probe_noise(pooled: Rule, *, width: int, num_rules: int) -> float:
    """The 1-Wasserstein distance that random starts alone put between a rule and the truth.

    For a start uniform on the sphere of R^width the cumulative weight F at any point has variance
    2 F (1 - F) / (width + 2) around the true share F; the integral of its standard deviation over
    `num_rules` independent starts. It is what one start cannot see of itself.
    """
    nodes, weights = pooled
    share = np.clip(np.cumsum(weights)[:-1] / np.sum(weights), 0.0, 1.0)
    deviation = np.sqrt(2 * share * (1 - share) / ((width + 2) * num_rules))
    return float(np.sum(np.diff(nodes) * deviation))


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
