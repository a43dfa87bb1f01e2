"""The heat map of a surface: quantised levels of the loss, a path of merged runs for each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from plusone.distributions import Array
from plusone.landscape import Surface
from plusone.report import svg
from plusone.report.axes import Frame, Scale, linear_ticks
from plusone.report.numerals import number

Levels = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
NUM_LEVELS = 16
LOW = ((247, 251, 255), (107, 174, 214), (8, 48, 107))
HIGH = ((18, 33, 50), (52, 120, 180), (222, 238, 255))


def heat_style(scope: str) -> str:
    """The colours of the levels, light and dark: the loss rises from the paper's colour away."""
    rules = [
        f"{scope} .l{i} {{ fill: light-dark({_mixed(LOW, i)}, {_mixed(HIGH, i)}); }}"
        for i in range(NUM_LEVELS)
    ]
    return "\n".join(rules)


def heat_map(surface: Surface, frame: Frame) -> str:
    """The map with its axes, the model (circle), the lowest point (cross) and the levels' scale.

    Colour is by equal steps of the logarithm of the loss, or of the loss where it is not positive
    everywhere. Cells that are not finite are crossed out; those not computed are left open.
    """
    levels, edges, is_log = quantised(surface)
    across = Scale(low=0, high=len(surface.across), start=frame.left, end=frame.right)
    up = Scale(low=0, high=len(surface.up), start=frame.bottom, end=frame.top)
    parts = [svg.rectangle(frame.left, frame.top, frame.right, frame.bottom, class_="open")]
    for level in range(NUM_LEVELS):
        parts.append(svg.path(_runs(levels == level, across, up), class_=f"l{level}"))
    lost = levels == -1
    parts.append(svg.path(_runs(lost, across, up), class_="lost"))
    parts.append(svg.path(_struck(lost, across, up), class_="struck"))
    parts += [*_marks(surface, across, up), *_ticks(surface, frame)]
    parts.append(_scale(edges, frame, is_log=is_log))
    return "".join(parts)


def quantised(surface: Surface) -> tuple[Levels, Array, bool]:
    """Each cell's level from 0, the levels' edges, and whether they are equal steps of the log.

    -1 stands for a loss that is not finite, -2 for one that was not computed.
    """
    losses = surface.array()
    is_finite = np.isfinite(losses)
    known = np.array([[x is not None for x in row] for row in surface.losses])
    levels: Levels = np.where(known, -1, -2)
    if not is_finite.any():
        return levels, np.zeros(0), False
    is_log = bool(losses[is_finite].min() > 0)
    values = np.log(losses[is_finite]) if is_log else losses[is_finite]
    low = float(values.min())
    step = (float(values.max()) - low) / NUM_LEVELS or 1.0
    levels[is_finite] = np.clip(np.floor((values - low) / step), 0, NUM_LEVELS - 1)
    edges = np.asarray(low + step * np.arange(NUM_LEVELS + 1), dtype=np.float64)
    return levels, np.exp(edges) if is_log else edges, is_log


def _mixed(stops: tuple[tuple[int, int, int], ...], level: int) -> str:
    share = level / (NUM_LEVELS - 1) * (len(stops) - 1)
    first = min(int(share), len(stops) - 2)
    pairs = zip(stops[first], stops[first + 1], strict=True)
    return "#" + "".join(f"{round(a + (share - first) * (b - a)):02x}" for a, b in pairs)


def _cells(mask: Mask) -> Iterator[tuple[int, int, int]]:
    """Runs of neighbouring cells as (row, first column, behind the last column)."""
    for row, flags in enumerate(mask):
        bounds = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
        for first, behind in zip(bounds[::2], bounds[1::2], strict=True):
            yield row, int(first), int(behind)


def _runs(mask: Mask, across: Scale, up: Scale) -> str:
    parts = []
    for row, first, behind in _cells(mask):
        x, right = svg.coordinate(across(first)), svg.coordinate(across(behind))
        top, bottom = svg.coordinate(up(row + 1)), svg.coordinate(up(row))
        parts.append(f"M{x} {top}H{right}V{bottom}H{x}Z")
    return "".join(parts)


def _struck(mask: Mask, across: Scale, up: Scale) -> str:
    return "".join(
        svg.polyline([(across(column), up(row)), (across(column + 1), up(row + 1))])
        for row, first, behind in _cells(mask)
        for column in range(first, behind)
    )


def _marks(surface: Surface, across: Scale, up: Scale) -> Iterator[str]:
    middle = (across(len(surface.across) // 2 + 0.5), up(len(surface.up) // 2 + 0.5))
    yield svg.path(svg.circles([middle], radius=4), class_="mark")
    losses = surface.array()
    if np.isfinite(losses).any():
        shown = np.where(np.isfinite(losses), losses, np.inf)
        row, column = np.unravel_index(int(shown.argmin()), losses.shape)
        lowest = (across(float(column) + 0.5), up(float(row) + 0.5))
        if lowest != middle:
            yield svg.path(svg.crosses([lowest], radius=4), class_="mark")


def _ticks(surface: Surface, frame: Frame) -> Iterator[str]:
    span = surface.across[-1] - surface.across[0]
    half = span / (len(surface.across) - 1) / 2  # the edge of the frame is the edge of a cell
    low, high = surface.across[0] - half, surface.across[-1] + half
    across = Scale(low=low, high=high, start=frame.left, end=frame.right)
    up = Scale(low=low, high=high, start=frame.bottom, end=frame.top)
    for tick in linear_ticks(surface.across[0], surface.across[-1], most=5):
        text, x, y = number(tick), across(tick), up(tick)
        yield svg.line((x, frame.bottom), (x, frame.bottom + 4), class_="axis")
        yield svg.label(x, frame.bottom + 17, text, anchor="middle", class_="tick")
        yield svg.line((frame.left - 4, y), (frame.left, y), class_="axis")
        yield svg.label(frame.left - 8, y + 4, text, anchor="end", class_="tick")
    middle = (frame.left + frame.right) / 2
    yield svg.label(middle, frame.bottom + 36, "first direction (filter lengths)", anchor="middle")
    yield svg.label(frame.left - 40, frame.top - 10, "second direction")


def _scale(edges: Array, frame: Frame, *, is_log: bool) -> str:
    """The levels as a column of colours beside the map, named at every fourth edge."""
    if not edges.size:
        return ""
    left, right = frame.right + 18, frame.right + 32
    up = Scale(low=0, high=NUM_LEVELS, start=frame.bottom, end=frame.top)
    parts = [
        svg.rectangle(left, up(i + 1), right, up(i), class_=f"l{i}") for i in range(NUM_LEVELS)
    ]
    for i in range(0, NUM_LEVELS + 1, 4):
        parts.append(svg.label(right + 6, up(i) + 4, number(float(edges[i])), class_="tick"))
    name = "loss (log)" if is_log and edges[-1] > edges[0] * (1 + 1e-9) else "loss"
    parts.append(svg.label(left, frame.top - 10, name))
    return "".join(parts)
