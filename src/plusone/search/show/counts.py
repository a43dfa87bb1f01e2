"""What the page counts: the best quarter and its skips, the Pareto front, ranks. No pictures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from plusone.search.result import Tried
from plusone.search.space import Pattern


def best_quarter(tried: Sequence[Tried]) -> tuple[Tried, ...]:
    """The first quarter, rounded up, of patterns in order; diverged ones (-inf) are not in it."""
    return tuple(t for t in tried[: math.ceil(len(tried) / 4)] if math.isfinite(t.score))


def return_shares(patterns: Sequence[Pattern]) -> tuple[float, ...]:
    """For each place but the first, the share of the patterns with a skip that returns there."""
    return tuple(
        sum(span > 0 for span in spans) / len(patterns)
        for spans in zip(*(p.spans for p in patterns), strict=True)
    )


def span_shares(patterns: Sequence[Pattern], *, longest: int) -> tuple[float, ...]:
    """The share of all skips of the patterns that have span 1, 2, ..., `longest`; 0 of no skips."""
    counts = Counter(span for p in patterns for span in p.spans if span)
    total = max(counts.total(), 1)
    return tuple(counts[span] / total for span in range(1, longest + 1))


def best_so_far(scores: Sequence[float]) -> tuple[float, ...]:
    """The highest of the scores up to and with each."""
    return tuple(accumulate(scores, max))


def pareto_front(costs: Sequence[float], scores: Sequence[float]) -> tuple[int, ...]:
    """The positions of what nothing beats in cost or score without being worse in the other.

    Costs ascend; what is equal in both stands side by side. Scores that are not finite are out.
    """
    found: list[int] = []
    finite = [k for k, score in enumerate(scores) if math.isfinite(score)]
    for k in sorted(finite, key=lambda k: (costs[k], -scores[k])):
        last = (costs[found[-1]], scores[found[-1]]) if found else (-math.inf, -math.inf)
        if scores[k] > last[1] or (costs[k], scores[k]) == last:
            found.append(k)
    return tuple(found)


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Spearman's: that of the ranks, equal numbers sharing theirs; None where either is constant.

    Of two independent orders of n numbers its standard deviation is 1 / sqrt(n - 1).
    """
    if len(set(a)) < 2 or len(set(b)) < 2:
        return None
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    _, position, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    middle = np.asarray(np.cumsum(counts) - (counts - 1) / 2, dtype=np.float64)
    return middle[position]
