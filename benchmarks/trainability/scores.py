"""How well a number tells apart the nets that train, and how honest a probability is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def auc(score: Array, label: Mask) -> float:
    """The chance that a net that trains has the higher score than one that does not.

    Ties count half (Mann and Whitney 1947).
    """
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positive = int(label.sum())
    negative = len(label) - positive
    if not positive or not negative:
        return float("nan")
    return float((ranks[label].sum() - positive * (positive + 1) / 2) / (positive * negative))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def auc_interval(score: Array, label: Mask, *, families: Array, repeats: int = 1000) -> Interval:
    """AUC with a bootstrap over families, whose members are no independent draws."""
    draws = [auc(score[rows], label[rows]) for rows in resamples(families, repeats=repeats)]
    low, high = np.nanquantile(draws, (0.025, 0.975))
    return Interval(value=auc(score, label), low=float(low), high=float(high))


def resamples(families: Array, *, repeats: int, seed: int = 0) -> list[NDArray[np.int64]]:
    """The rows of as many families as there are, drawn with replacement."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(families == name) for name in np.unique(families)]
    return [
        np.concatenate([members[k] for k in rng.integers(0, len(members), len(members))])
        for _ in range(repeats)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orientation:
    """How to read a quantity: its sign, or the distance from a middle where both sides are bad."""

    sign: float = 1.0
    middle: float | None = None

    def score(self, value: Array) -> Array:
        """Higher is better; what was not measured or is not finite comes last."""
        good = np.isfinite(value)
        read = -np.abs(value - self.middle) if self.middle is not None else self.sign * value
        return np.where(good, read, -np.inf)

    @property
    def words(self) -> str:
        """In a table."""
        if self.middle is not None:
            return f"near {self.middle:.2g}"
        return "high" if self.sign > 0 else "low"


def orient(value: Array, label: Mask) -> Orientation:
    """The best reading on the nets used for fitting: high, low, or near the median that trains."""
    finite = np.isfinite(value)
    middle = float(np.median(value[finite & label])) if (finite & label).any() else 0.0
    candidates = (Orientation(), Orientation(sign=-1.0), Orientation(middle=middle))
    return max(candidates, key=lambda o: auc(o.score(value), label))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bin of a reliability diagram."""

    count: int
    predicted: float
    observed: float


def reliability(probability: Array, label: Mask, *, num_bins: int = 10) -> tuple[Bin, ...]:
    """Bins of equal mass: the mean probability and the share that trains."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, num_bins) if len(part)]
    return tuple(
        Bin(
            count=len(part),
            predicted=float(probability[part].mean()),
            observed=float(label[part].mean()),
        )
        for part in parts
    )


def calibration_error(probability: Array, label: Mask, *, num_bins: int = 10) -> float:
    """Expected calibration error: the mean of |predicted - observed| over bins of equal mass."""
    bins = reliability(probability, label, num_bins=num_bins)
    return sum(b.count * abs(b.predicted - b.observed) for b in bins) / len(label)
