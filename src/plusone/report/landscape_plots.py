"""Plots of a landscape: the losses along two lines, and the spectral density."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from plusone.landscape import Density, Slice
from plusone.report import svg
from plusone.report.axes import Frame, Scale, linear_grid, linear_ticks, log_grid
from plusone.report.numerals import number

_FLOOR = 1e-7
"""Of the density's peak: what is shown on its logarithmic axis."""


def slices_plot(slices: Sequence[Slice], frame: Frame) -> str:
    """Loss against position along each slice; lines break where a loss is not finite."""
    losses = [x for s in slices for x in s.losses if x is not None and math.isfinite(x)]
    if not losses:
        return svg.label(frame.left, frame.top + 20, "no loss is finite")
    is_log = min(losses) > 0 and max(losses) > 20 * min(losses)
    shown = (lambda x: math.log10(x)) if is_log else (lambda x: x)
    low, high = shown(min(losses)), shown(max(losses))
    margin = 0.05 * (high - low) or 0.5
    up = frame.vertical(low - margin, high + margin)
    positions = slices[0].positions
    across = Scale(low=positions[0], high=positions[-1], start=frame.left, end=frame.right)
    parts = [(log_grid if is_log else linear_grid)(frame, up)]
    for number_, piece in enumerate(slices):
        points = [
            (across(a), up(shown(x))) if x is not None and math.isfinite(x) else None
            for a, x in zip(piece.positions, piece.losses, strict=True)
        ]
        parts.append(svg.path(svg.polyline(points), class_=f"line{number_}"))
    parts += _bottom(frame, across, "filter lengths along a direction")
    parts.append(svg.label(frame.left - 40, frame.top - 10, "loss"))
    parts += _legend(frame)
    return "".join(parts)


def density_plot(density: Density, frame: Frame) -> str:
    """The density on a logarithmic axis, with two standard errors on either side."""
    values = np.array(density.density)
    errors = np.array(density.stderr)
    floor = _FLOOR * float(values.max())
    up = frame.vertical(math.log10(floor), math.log10(float(values.max())) + 0.3)
    grid = density.grid
    low, high = grid[0], grid[-1]
    across = Scale(low=low, high=high, start=frame.left, end=frame.right)

    def points(heights: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[svg.Point]:
        clipped = np.log10(np.maximum(heights, floor)).tolist()
        return [(across(t), up(y)) for t, y in zip(grid, clipped, strict=True)]

    parts = [
        log_grid(frame, up),
        svg.path(svg.area(points(values + 2 * errors), points(values - 2 * errors)), class_="band"),
        svg.path(svg.polyline(points(values)), class_="line0"),
        *_bottom(frame, across, "eigenvalue of the Hessian"),
        svg.label(frame.left - 40, frame.top - 10, "density, with two standard errors"),
    ]
    if low < 0 < high:
        parts.append(svg.line((across(0), frame.top), (across(0), frame.bottom), class_="zero"))
    return "".join(parts)


def _bottom(frame: Frame, across: Scale, name: str) -> Iterator[str]:
    yield svg.line((frame.left, frame.bottom), (frame.right, frame.bottom), class_="axis")
    for tick in linear_ticks(across.low, across.high, most=6):
        x = across(tick)
        yield svg.label(x, frame.bottom + 17, number(tick), anchor="middle", class_="tick")
    middle = (frame.left + frame.right) / 2
    yield svg.label(middle, frame.bottom + 36, name, anchor="middle")


def _legend(frame: Frame) -> Iterator[str]:
    for i, name in enumerate(("first direction", "second direction")):
        x, y = frame.right - 250 + 130 * i, frame.top - 14
        yield svg.line((x, y), (x + 18, y), class_=f"line{i}")
        yield svg.label(x + 23, y + 4, name, class_="tick")
