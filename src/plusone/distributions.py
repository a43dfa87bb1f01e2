"""Distributions of numbers as rules (nodes, weights): distance, pooling, errors of random starts.

A rule comes from one random start: its weights are squared overlaps of eigenvectors (or singular
vectors) with a vector uniform on the sphere, so the rule is itself random, and exact in
expectation alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Rule: TypeAlias = tuple[Array, Array]


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
