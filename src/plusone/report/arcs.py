"""The arc map: every skip as an arc over the blocks that it goes around.

The kind is told by the dash, not by the colour alone: identity solid, projection dashed, gated
dotted, scaled dash-dot, concat double, attention long dashes. Where arcs would be narrower than
a few pixels, neighbouring skips of one kind are drawn as one band.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from plusone.records import BlockReport, Kind, ReportData, Skip
from plusone.report import svg
from plusone.report.axes import LABELS_HEIGHT, WIDE, DepthAxis, Frame, depth_labels, hover
from plusone.report.columns import skip_of
from plusone.report.facts import kinds
from plusone.report.markers import alerts, alerts_room
from plusone.report.numerals import counted

NARROWEST_ARC = 7.0
FINE_PITCH = 16.0
BAND_HEIGHT = 22.0
LEGEND_STEP = 22.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Arc:
    """One skip in pixels: its two feet and its height."""

    kind: Kind
    left: float
    right: float
    height: float


class Labels(Protocol):
    """Draws the labels of the blocks, in `LABELS_HEIGHT` pixels below `top`."""

    def __call__(self, axis: DepthAxis, blocks: Sequence[BlockReport], *, top: float) -> str: ...


def arc_map(data: ReportData, *, width: float, labels: Labels = depth_labels) -> str:
    """The picture of all skips over depth, or "" for a net without blocks."""
    if not data.blocks:
        return ""
    axis = DepthAxis.of(data, width=width)
    placed = [skip for skip in data.structure.skips if skip.first_block >= 0]
    arcs = _arcs([skip for skip in placed if not _is_thin(skip, axis)], axis)
    thin = [skip for skip in placed if _is_thin(skip, axis)]
    room = max((arc.height for arc in arcs), default=0.0)
    legend, legend_height = _legend(data, width)
    top = legend_height + 9.0 + max(alerts_room(data, axis), 11.0)
    bottom = top + max(room, BAND_HEIGHT if thin else 0.0, 16.0) + 6.0
    frame = Frame(left=axis.left, top=top, right=axis.right, bottom=bottom)
    content = "".join(
        (
            legend,
            alerts(data, axis, frame),
            *(_kind_path(kind, arcs, bottom, axis) for kind in kinds(data.structure)),
            _bands(thin, axis, bottom),
            _blocks(data, axis, bottom),
            labels(axis, data.blocks, top=bottom + 7),
            hover(axis, frame, _titles(data, axis)) if width == WIDE else "",
        )
    )
    summary = f"Arc map of {counted(len(placed), 'skip')} over {counted(len(data.blocks), 'block')}"
    return svg.picture(
        content,
        width=width,
        height=bottom + 7 + LABELS_HEIGHT,
        label=summary,
        class_="wide" if width == WIDE else "narrow",
    )


def _is_thin(skip: Skip, axis: DepthAxis) -> bool:
    return (skip.last_block - skip.first_block + 1) * axis.pitch < NARROWEST_ARC


def _arcs(skips: list[Skip], axis: DepthAxis) -> list[Arc]:
    seen: dict[tuple[int, int], int] = {}
    arcs = []
    inset = min(0.12 * axis.pitch, 5.0)
    for skip in skips:
        ends = (skip.first_block, skip.last_block)
        again = seen[ends] = seen.get(ends, -1) + 1
        left, right = axis.edge(ends[0]) + inset, axis.edge(ends[1] + 1) - inset
        height = min(12.0 + 4.6 * math.sqrt(right - left), 150.0) + 7.0 * again
        arcs.append(Arc(kind=skip.kind, left=left, right=right, height=height))
    return arcs


def _kind_path(kind: str, arcs: Iterable[Arc], bottom: float, axis: DepthAxis) -> str:
    d = "".join(_commands(arc, bottom) for arc in arcs if arc.kind == kind)
    fine = " fine" if axis.pitch < FINE_PITCH else ""
    core = svg.path(d, class_=f"skip core{fine}") if kind == "concat" else ""
    return svg.path(d, class_=f"skip {kind}{fine}") + core


def _commands(arc: Arc, bottom: float) -> str:
    rx = (arc.right - arc.left) / 2
    radii = f"{svg.coordinate(rx)} {svg.coordinate(arc.height)}"
    start = f"M{svg.coordinate(arc.left)} {svg.coordinate(bottom)}"
    return f"{start}a{radii} 0 0 1 {svg.coordinate(2 * rx)} 0"


def _bands(skips: list[Skip], axis: DepthAxis, bottom: float) -> str:
    runs: list[tuple[Kind, int, int, int]] = []
    for skip in sorted(skips, key=lambda skip: (skip.first_block, skip.last_block)):
        kind, first, last = skip.kind, skip.first_block, skip.last_block
        if runs and runs[-1][0] == kind and first <= runs[-1][2] + 1:
            _, start, end, count = runs[-1]
            runs[-1] = (kind, start, max(end, last), count + 1)
        else:
            runs.append((kind, first, last, 1))
    parts = []
    for kind in dict.fromkeys(run[0] for run in runs):
        d = "".join(_band(axis, run, bottom) for run in runs if run[0] == kind)
        parts.append(svg.path(d, class_=f"skip band {kind}"))
    for kind, first, last, count in runs:
        text = f"{count:,} x {kind}"
        left, right = axis.edge(first), axis.edge(last + 1)
        if right - left > len(text) * svg.LETTER_WIDTH + 8:
            parts.append(svg.label((left + right) / 2, bottom - 8, text, anchor="middle"))
    return "".join(parts)


def _band(axis: DepthAxis, run: tuple[Kind, int, int, int], bottom: float) -> str:
    left, right = axis.edge(run[1]), axis.edge(run[2] + 1)
    inset = 0.8 if right - left > 4 else 0.0
    left, right = left + inset, max(right - inset, left + inset + 1.2)
    x0, x1 = svg.coordinate(left), svg.coordinate(right)
    return f"M{x0} {svg.coordinate(bottom)}v{svg.coordinate(-BAND_HEIGHT)}H{x1}v{BAND_HEIGHT:g}"


def _blocks(data: ReportData, axis: DepthAxis, bottom: float) -> str:
    baseline = svg.line((axis.left, bottom), (axis.right, bottom), class_="axis")
    half = min(axis.pitch * 0.25, 5.0)
    if half < 1.2:
        return baseline
    marks: dict[str, list[str]] = {"residual": [], "plain": []}
    for index, block in enumerate(data.blocks):
        left, size = svg.coordinate(axis.center(index) - half), svg.coordinate(2 * half)
        marks[block.kind].append(f"M{left} {svg.coordinate(bottom - 4)}h{size}v8h-{size}Z")
    return baseline + "".join(
        svg.path("".join(d), class_=f"block {kind}") for kind, d in marks.items()
    )


def _titles(data: ReportData, axis: DepthAxis) -> list[str]:
    return [
        "\n".join(f"{i + 1}  {data.blocks[i].name}  {skip_of(data.blocks[i])}" for i in column)
        for column in axis.columns()
    ]


def _legend(data: ReportData, width: float) -> tuple[str, float]:
    parts: list[str] = []
    x, y = 0.0, 11.0
    for kind, count in kinds(data.structure).items():
        text = f"{kind} ({count:,})"
        needed = 34 + len(text) * svg.LETTER_WIDTH + 18
        if x and x + needed > width:
            x, y = 0.0, y + LEGEND_STEP
        d = f"M{svg.coordinate(x + 1)} {svg.coordinate(y - 4)}h26"
        parts.append(svg.path(d, class_=f"skip {kind}"))
        if kind == "concat":
            parts.append(svg.path(d, class_="skip core"))
        parts.append(svg.label(x + 34, y, text))
        x += needed
    if not parts:
        parts.append(svg.label(0.0, y, "no skips"))
    return "".join(parts), y
