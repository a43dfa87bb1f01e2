"""A logistic model of 'trains' on a few quantities with a meaning, fitted on the fit families."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.trainability.scores import Array, Mask, auc
from benchmarks.trainability.table import Table

# Weight of the squared coefficients beside the log likelihood of all rows: hardly any.
RIDGE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A column of the model: its name, what it means, and how it is read from the table."""

    name: str
    meaning: str
    read: Callable[[Table], Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """P(trains) = 1 / (1 + exp(-(intercept + sum coefficient x quantity)))."""

    quantities: tuple[Quantity, ...]
    coefficients: tuple[float, ...]
    intercept: float

    def probability(self, table: Table) -> Array:
        """P(trains) of each row."""
        x = design(table, self.quantities)
        return _sigmoid(x @ np.array([*self.coefficients, self.intercept]))


def design(table: Table, quantities: Sequence[Quantity]) -> Array:
    """The quantities as columns, and ones."""
    return np.column_stack([*(q.read(table) for q in quantities), np.ones(len(table))])


def fit(table: Table, quantities: Sequence[Quantity], *, ridge: float = RIDGE) -> Model:
    """The model of most likelihood, by Newton's method; the ridge is on standardised columns."""
    x, y = design(table, quantities), table.label.astype(float)
    scale = x.std(0)
    scale[scale == 0] = 1.0
    weights = np.zeros(x.shape[1])
    penalty = ridge * scale**2 * np.array([*[1.0] * (x.shape[1] - 1), 0.0])
    for _ in range(100):
        p = _sigmoid(x @ weights)
        slope = x.T @ (y - p) - penalty * weights
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curvature, slope)
        # Newton's steps can be too long far from the optimum.
        weights = weights + step * min(1.0, 5.0 / float(np.abs(step * scale).max() + 1e-12))
        if float(np.abs(step * scale).max()) < 1e-8:
            break
    return Model(
        quantities=tuple(quantities),
        coefficients=tuple(float(w) for w in weights[:-1]),
        intercept=float(weights[-1]),
    )


def cross_validated(
    table: Table, quantities: Sequence[Quantity], *, groups: Sequence[str] = ("family",)
) -> Array:
    """P(trains) of each row by models that saw no row of the same group (family, kind, pattern)."""
    keys = np.array(["/".join(parts) for parts in zip(*(table[g] for g in groups), strict=True)])
    found = np.full(len(table), np.nan)
    for key in np.unique(keys):
        here = keys == key
        found[here] = fit(table.where(~here), quantities).probability(table.where(here))
    return found


def log_loss(probability: Array, label: Mask) -> float:
    """The mean negative log likelihood: what calibration and discrimination both lower."""
    p = np.clip(probability, 1e-9, 1 - 1e-9)
    return float(-np.where(label, np.log(p), np.log(1 - p)).mean())


def _sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-np.clip(x, -500, 500)))


def cross_validated_auc(table: Table, quantities: Sequence[Quantity]) -> float:
    """AUC of the probabilities that leave one family out."""
    return auc(cross_validated(table, quantities), table.label)
