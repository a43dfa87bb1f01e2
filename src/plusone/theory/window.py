"""The depths that a density lets train, the least density that a depth needs, the phase diagram."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plusone.errors import InputError
from plusone.theory.activations import FloatArray
from plusone.theory.prediction import WINDOW, Prediction, predict
from plusone.theory.setting import MAX_DEPTH, Scale

NUM_HALVINGS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The options of `predict` beside depth and density, for many of either."""

    gain: float = 1.0
    scale: Scale = 1.0
    norm: str = "none"
    placement: str = "pre"
    activation: str = "linear"
    batch: int | None = None
    window: float = WINDOW

    def at(self, depth: ArrayLike, density: ArrayLike) -> Prediction:
        """The prediction for these depths and densities."""
        return predict(
            depth,
            density,
            gain=self.gain,
            scale=self.scale,
            norm=self.norm,
            placement=self.placement,
            activation=self.activation,
            batch=self.batch,
            window=self.window,
        )


def largest_depth(density: float, stack: Stack | None = None, *, most: int = 10_000) -> int:
    """The largest depth up to `most` whose label is trainable, and that of all depths below it.

    0 if not even one block is. Without norm it is floor(window ln 10 / |rate|), the rate per block
    being (p ln(1 + a) + (1 - p) ln a)/2, where that is less than `most`.

    Assumes: the typical norm leaves the window once as depth grows. Cost: O(log most) predictions.

    Raises:
        InputError: as `predict`, or `most` is out of range.
    """
    chosen = stack or Stack()
    if not 1 <= most <= MAX_DEPTH:
        raise InputError(f"most is a depth from 1 to {MAX_DEPTH:,}, not {most!r}.")

    def is_trainable(depth: int) -> bool:
        return str(chosen.at(depth, density).label) == "trainable"

    low, high = 0, 1
    while high <= most and is_trainable(high):
        low, high = high, 2 * high
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_trainable(middle) else (low, middle)
    return low


def smallest_density(depth: int, stack: Stack | None = None) -> float:
    """The smallest density of skips with which this depth is trainable; NaN if there is none.

    Without norm it solves L (p ln(1 + a) + (1 - p) ln a)/2 = -window ln 10 for p.

    Assumes: the typical norm moves one way with the density. Cost: some 35 predictions.

    Raises:
        InputError: as `predict`.
    """
    return _end_of_densities(depth, stack or Stack(), start=0.0)


def largest_density(depth: int, stack: Stack | None = None) -> float:
    """The largest density with which this depth is trainable, as `smallest_density`."""
    return _end_of_densities(depth, stack or Stack(), start=1.0)


def _end_of_densities(depth: int, stack: Stack, *, start: float) -> float:
    """Where, from `start` on to the other end, the trainable densities begin."""

    def decades(density: float) -> float:
        return float(stack.at(depth, density).log10_typical_norm)

    first, other = decades(start), decades(1 - start)
    if abs(first) <= stack.window:
        return start
    bound = math.copysign(stack.window, first)
    if (other - bound) * first > 0:  # the other end is past the same side of the window
        return math.nan
    outside, inside = start, 1 - start
    for _ in range(NUM_HALVINGS):
        middle = (outside + inside) / 2
        if (decades(middle) - bound) * first > 0:
            outside = middle
        else:
            inside = middle
    return inside if abs(decades(inside)) <= stack.window else math.nan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhaseDiagram:
    """Labels over depths (columns) and densities (rows), with the decades that they come from.

    `log10_typical` and `log10_rms` are of |g_in| / |g_out|; `window` is the labels' bound.
    """

    depths: NDArray[np.int64]
    densities: FloatArray
    label: NDArray[np.str_]
    log10_typical: FloatArray
    log10_rms: FloatArray
    window: float

    def table(self) -> tuple[tuple[str, ...], ...]:
        """Rows of text, the first with the depths, each other with a density and its labels'
        first letters: v, t, e."""
        head = ("density", *(f"{depth:,}" for depth in self.depths.tolist()))
        rows = zip(self.densities.tolist(), self.label, strict=True)
        return (head, *((f"{p:.3g}", *(str(one)[0] for one in row)) for p, row in rows))


def phase_diagram(
    depths: ArrayLike, densities: ArrayLike, stack: Stack | None = None
) -> PhaseDiagram:
    """Vanishing, trainable, exploding over one-dimensional depths and densities.

    Cost: one prediction per pair.

    Raises:
        InputError: as `predict`, or an axis is not one-dimensional.
    """
    columns, rows = np.asarray(depths), np.asarray(densities, dtype=np.float64)
    if columns.ndim != 1 or rows.ndim != 1 or not columns.size or not rows.size:
        raise InputError("A phase diagram has a list of depths and a list of densities.")
    chosen = stack or Stack()
    found = chosen.at(columns[None, :], rows[:, None])
    return PhaseDiagram(
        depths=columns.astype(np.int64),
        densities=rows,
        label=found.label,
        log10_typical=found.log10_typical_norm,
        log10_rms=found.log10_rms_norm,
        window=chosen.window,
    )
