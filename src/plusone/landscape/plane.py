"""Losses along a line and over a plane of parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from plusone.errors import InputError
from plusone.landscape.directions import Direction
from plusone.landscape.evaluate import Evaluator, Method
from plusone.landscape.interrupted import Watch, finished, unwatched
from plusone.landscape.loss import Terrain

Losses = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """L(w + a d) at each position a; None where it was not computed. NaN and inf are results.

    `method` says how: one forward after another, or several sets of parameters in one.
    """

    positions: tuple[float, ...]
    losses: Losses
    method: Method = "one by one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """L(w + a d_1 + b d_2): a row of `losses` for each b in `up`, a column for each a in `across`.

    None where it was not computed; NaN and inf are results.
    """

    across: tuple[float, ...]
    up: tuple[float, ...]
    losses: tuple[Losses, ...]
    method: Method = "one by one"

    def array(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """The losses as floats, [up, across], NaN also where none was computed."""
        return np.array([[np.nan if x is None else x for x in row] for row in self.losses])

    @property
    def slices(self) -> tuple[Slice, Slice]:
        """The lines through the middle: along the first direction, and along the second."""
        middle_row = self.losses[len(self.up) // 2]
        column = tuple(row[len(self.across) // 2] for row in self.losses)
        return (
            Slice(positions=self.across, losses=middle_row, method=self.method),
            Slice(positions=self.up, losses=column, method=self.method),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GridConfig:
    """`points` positions from -`span` to `span`, an odd number, so that the model is on the grid.

    `batched`: whether several sets of parameters go through one forward; None tries both and
    keeps the faster, within `memory` bytes of parameters and activations (by estimate).
    """

    points: int = 51
    span: float = 1.0
    batched: bool | None = None
    memory: int = 1 << 30

    def positions(self) -> tuple[float, ...]:
        """The positions, symmetric to the last bit, the middle one exactly 0.

        Raises:
            InputError: the settings mean nothing.
        """
        if self.points < 3 or self.points % 2 == 0:
            raise InputError(
                f"points is {self.points}; it must be odd and 3 or more, so that the model itself "
                "is one of them"
            )
        if not (self.span > 0 and np.isfinite(self.span)):
            raise InputError(f"span is {self.span}; it must be above 0 and finite")
        half = self.points // 2
        return tuple(self.span * i / half for i in range(-half, half + 1))


def line(
    terrain: Terrain,
    direction: Direction,
    *,
    config: GridConfig | None = None,
    watch: Watch = unwatched,
) -> Slice:
    """The losses along `direction`. Cost: one forward a point.

    Raises:
        Interrupted: Ctrl-C, with the points that were computed.
        InputError: the settings mean nothing, or there is no loss.
        CaptureError: the forward raised.
    """
    settings = config or GridConfig()
    positions = settings.positions()
    losses: list[float | None] = [None] * len(positions)
    evaluator = Evaluator(terrain, (direction,), batched=settings.batched, memory=settings.memory)
    order = _from_the_middle(len(positions))

    def steps() -> Iterator[None]:
        points = [(positions[i],) for i in order]
        for count, loss in enumerate(evaluator.losses(points)):
            losses[order[count]] = loss
            watch((count + 1) / len(order))
            yield

    return finished(
        steps(),
        lambda: Slice(positions=positions, losses=tuple(losses), method=evaluator.method),
    )


def surface(
    terrain: Terrain,
    directions: tuple[Direction, Direction],
    *,
    config: GridConfig | None = None,
    watch: Watch = unwatched,
) -> Surface:
    """The losses over the plane of two directions.

    Rows are computed from the middle outwards, so that an interrupted surface shows the
    neighbourhood of the model. Cost: points^2 forwards. Raises as `line` does.
    """
    settings = config or GridConfig()
    positions = settings.positions()
    n = len(positions)
    losses: list[list[float | None]] = [[None] * n for _ in range(n)]
    order = [(i, j) for i in _from_the_middle(n) for j in range(n)]
    evaluator = Evaluator(terrain, directions, batched=settings.batched, memory=settings.memory)

    def steps() -> Iterator[None]:
        points = [(positions[j], positions[i]) for i, j in order]
        for count, loss in enumerate(evaluator.losses(points)):
            i, j = order[count]
            losses[i][j] = loss
            watch((count + 1) / len(order))
            yield

    return finished(
        steps(),
        lambda: Surface(
            across=positions,
            up=positions,
            losses=tuple(map(tuple, losses)),
            method=evaluator.method,
        ),
    )


def _from_the_middle(count: int) -> list[int]:
    return sorted(range(count), key=lambda i: (abs(i - count // 2), i))
