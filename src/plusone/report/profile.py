"""Signal and gradient against depth, on log axes that always show the healthy band whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from plusone.records import ReportData, Value
from plusone.report import svg
from plusone.report.axes import (
    LABELS_HEIGHT,
    WIDE,
    DepthAxis,
    Frame,
    Scale,
    depth_labels,
    hover,
    log_grid,
)
from plusone.report.columns import MEASURES
from plusone.report.markers import alerts, heading, heading_room
from plusone.report.numerals import shown, with_error

PANEL_HEIGHT = 150.0
PANEL_GAP = 12.0
LANE = 15.0
LANE_GAP = 6.0
MOST_MARKED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthyBand:
    """The range that is shaded: factors of the last block's gradient and the first's signal."""

    gradient: tuple[float, float] = (1e-3, 1e3)
    signal: tuple[float, float] = (1e-3, 1e3)


DEFAULT_BAND = HealthyBand()


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One measured quantity over depth, with the band (factors of `reference`) to shade."""

    name: str
    title: str
    values: tuple[Value, ...]
    band: tuple[float, float]
    reference: float | None

    @property
    def has_curve(self) -> bool:
        """Whether any value has a place on a log axis."""
        return any(value.value is not None and value.value > 0 for value in self.values)

    @property
    def log_band(self) -> tuple[float, float] | None:
        """The band in log10 of the quantity, or None where there is no finite reference."""
        if self.reference is None or self.reference <= 0:
            return None
        low, high = self.band
        return math.log10(low * self.reference), math.log10(high * self.reference)


def profile(data: ReportData, *, width: float, band: HealthyBand = DEFAULT_BAND) -> str:
    """The picture of gradient and signal over depth, or "" where neither was measured."""
    series = [s for s in _series(data, band) if any(v.is_measured for v in s.values)]
    if not series:
        return ""
    axis = DepthAxis.of(data, width=width)
    parts = []
    room = heading_room(data, axis)
    top = room
    for one in series:
        frame = Frame(left=axis.left, top=top, right=axis.right, bottom=top + PANEL_HEIGHT)
        parts.append(_panel(data, axis, frame, one))
        top = frame.bottom + PANEL_GAP + room
    bottom = top - PANEL_GAP - room
    whole = Frame(left=axis.left, top=room, right=axis.right, bottom=bottom)
    parts.append(depth_labels(axis, data.blocks, top=bottom + 2))
    if width == WIDE:
        parts.append(hover(axis, whole, titles(data, axis, ("signal", "gradient", "F/skip"))))
    return svg.picture(
        "".join(parts),
        width=width,
        height=bottom + 2 + LABELS_HEIGHT,
        label="Gradient and signal rms against depth, logarithmic",
        class_="wide" if width == WIDE else "narrow",
    )


def _series(data: ReportData, band: HealthyBand) -> tuple[Series, Series]:
    gradients = tuple(block.gradient_rms for block in data.blocks)
    signals = tuple(block.signal_rms for block in data.blocks)
    return (
        Series(
            name="gradient",
            title="gradient rms",
            values=gradients,
            band=band.gradient,
            reference=_first_finite(tuple(reversed(gradients))),
        ),
        Series(
            name="signal",
            title="signal rms",
            values=signals,
            band=band.signal,
            reference=_first_finite(signals),
        ),
    )


def _first_finite(values: Sequence[Value]) -> float | None:
    return next((value.value for value in values if value.value), None)


def _panel(data: ReportData, axis: DepthAxis, frame: Frame, series: Series) -> str:
    inner, lanes = lanes_of(frame, series.values)
    scale = log_scale(inner, series.values, series.log_band)
    parts = []
    if series.log_band is not None:
        low, high = series.log_band
        parts.append(
            svg.rectangle(frame.left, scale(high), frame.right, scale(low), class_="healthy")
        )
    parts += [
        log_grid(inner, scale) if series.has_curve else "",
        _lane_labels(frame, lanes),
        alerts(data, axis, frame),
        _curve(axis, scale, series),
        stray_marks(axis, series.values, lanes),
        heading(data, axis, frame, series.title),
    ]
    return "".join(parts)


def lanes_of(frame: Frame, values: Sequence[Value]) -> tuple[Frame, dict[str, float]]:
    """The frame that is left for finite values, and the height of the lane of each other state."""
    states = {_stray(value) for value in values}
    top, bottom = frame.top, frame.bottom
    lanes: dict[str, float] = {}
    if "inf" in states:
        lanes["inf"] = top + LANE / 2
        top += LANE
    for state in ("nan", "-inf", "0", "< 0"):
        if state in states:
            lanes[state] = bottom - LANE / 2
            bottom -= LANE
    top += LANE_GAP if "inf" in lanes else 0.0
    bottom -= LANE_GAP if set(lanes) - {"inf"} else 0.0
    return Frame(left=frame.left, top=top, right=frame.right, bottom=bottom), lanes


def _stray(value: Value) -> str | None:
    """Why a value has no place on a log axis, or None if it has one or was not measured."""
    if value.value is None:
        return None if value.state == "ok" else value.state
    if value.value > 0:
        return None
    return "0" if value.value == 0 else "< 0"


def log_scale(frame: Frame, values: Sequence[Value], band: tuple[float, float] | None) -> Scale:
    """The scale of log10 that shows all positive values and the whole band."""
    logs = [math.log10(value.value) for value in values if value.value and value.value > 0]
    logs += list(band or ())
    low, high = min(logs, default=-1.0), max(logs, default=1.0)
    if high - low < 2:
        middle = (low + high) / 2
        low, high = middle - 1, middle + 1
    margin = 0.04 * (high - low)
    return frame.vertical(low - margin, high + margin)


def _lane_labels(frame: Frame, lanes: dict[str, float]) -> str:
    parts = []
    for state, y in lanes.items():
        parts.append(svg.line((frame.left, y), (frame.right, y), class_="lane"))
        parts.append(svg.label(frame.left - 6, y + 4, state, anchor="end", class_="tick"))
    return "".join(parts)


def stray_marks(axis: DepthAxis, values: Sequence[Value], lanes: dict[str, float]) -> str:
    """A cross in its lane for each value that is not finite or not positive."""
    points = [
        (axis.center(i), lanes[state])
        for i, value in enumerate(values)
        if (state := _stray(value)) is not None
    ]
    return svg.path(svg.crosses(points, radius=3.0), class_="stray")


def _curve(axis: DepthAxis, scale: Scale, series: Series) -> str:
    points: list[svg.Point | None] = [
        (axis.center(i), scale(math.log10(value.value)))
        if value.value is not None and value.value > 0
        else None
        for i, value in enumerate(series.values)
    ]
    drawn = svg.path(svg.polyline(points), class_=f"curve {series.name}")
    there = [point for point in points if point is not None]
    if len(there) > MOST_MARKED:
        return drawn
    mark = svg.circles if series.name == "signal" else svg.diamonds
    radius = 2.6 if series.name == "signal" else 3.4
    return (
        drawn
        + svg.path(_whiskers(axis, scale, series.values), class_=f"whisker {series.name}")
        + svg.path(mark(there, radius=radius), class_=f"mark {series.name}")
    )


def _whiskers(axis: DepthAxis, scale: Scale, values: Sequence[Value]) -> str:
    parts = []
    for index, value in enumerate(values):
        if value.value is None or value.value <= 0 or not value.stderr:
            continue
        high = scale(math.log10(value.value + value.stderr))
        low = scale(math.log10(max(value.value - value.stderr, 1e-2 * value.value)))
        if low - high > 7:
            x = svg.coordinate(axis.center(index))
            parts.append(f"M{x} {svg.coordinate(high)}V{svg.coordinate(low)}")
    return "".join(parts)


def titles(data: ReportData, axis: DepthAxis, headings: Sequence[str]) -> list[str]:
    """What to show when the pointer rests on a column: its blocks' names and numbers."""
    measures = [m for m in MEASURES if m.heading in headings]
    result = []
    for column in axis.columns():
        lines = []
        for i in column:
            values = [(m.heading, m.of(data.blocks[i])) for m in measures]
            known = [f"{heading} {_hint(v, len(column))}" for heading, v in values if v.is_measured]
            lines.append("  ".join((f"{i + 1} {data.blocks[i].name}", *known)))
        result.append("\n".join(lines))
    return result


def _hint(value: Value, num_blocks: int) -> str:
    return with_error(value, sign="±") if num_blocks == 1 else shown(value)
