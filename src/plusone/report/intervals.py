"""The Jacobian of each block as an interval: from its rms to its largest singular value."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plusone.records import BlockReport, ReportData, Spectrum, Value
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
from plusone.report.markers import alerts, alerts_room
from plusone.report.profile import lanes_of, log_scale, stray_marks, titles

HEIGHT = 190.0
NARROWEST_PITCH = 6.0
MOST_COLUMNS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One Jacobian to draw: of the whole block or of its branch alone."""

    name: str
    legend: str
    side: float
    of: Callable[[BlockReport], Spectrum]


KINDS = (
    Kind(name="branch", legend="F, the branch alone", side=-1.0, of=lambda b: b.branch_jacobian),
    Kind(name="whole", legend="I + F, the whole block", side=1.0, of=lambda b: b.jacobian),
)


def intervals(data: ReportData, *, width: float) -> str:
    """The picture of all blocks' Jacobian intervals, or "" where none was measured."""
    kinds = [kind for kind in KINDS if any(_is_measured(kind.of(b)) for b in data.blocks)]
    if not kinds:
        return ""
    if len(kinds) == 1:
        kinds = [dataclasses.replace(kinds[0], side=0.0)]
    if kinds[0].name == "whole" and all(block.skip is None for block in data.blocks):
        kinds = [dataclasses.replace(kinds[0], legend="the whole block")]
    axis = DepthAxis.of(data, width=width)
    legend, legend_height = _legend(kinds, width)
    top = legend_height + 9.0 + max(alerts_room(data, axis), 15.0)
    frame = Frame(left=axis.left, top=top, right=axis.right, bottom=top + HEIGHT)
    values = [
        value
        for kind in kinds
        for block in data.blocks
        for value in (kind.of(block).frobenius_rms, kind.of(block).spectral_norm)
    ]
    inner, lanes = lanes_of(frame, values)
    scale = log_scale(inner, values, (-0.5, 0.5))
    draw = _bars if axis.pitch >= NARROWEST_PITCH else _ribbons
    if draw is _ribbons:
        kinds.reverse()
    parts = [legend, log_grid(inner, scale)]
    parts.append(alerts(data, axis, frame))
    for kind in kinds:
        spectra = [kind.of(block) for block in data.blocks]
        parts.append(draw(axis, scale, spectra, kind))
        for pick in (_norm, _rms):
            parts.append(stray_marks(axis, [pick(s) for s in spectra], lanes))
    parts.append(svg.line((frame.left, scale(0.0)), (frame.right, scale(0.0)), class_="one"))
    for state, y in lanes.items():
        parts.append(svg.label(frame.left - 6, y + 4, state, anchor="end", class_="tick"))
    parts.append(depth_labels(axis, data.blocks, top=frame.bottom + 2))
    if width == WIDE:
        hints = titles(data, axis, ("|J|", "J rms", "|F|", "F rms"))
        parts.append(hover(axis, frame, hints))
    return svg.picture(
        "".join(parts),
        width=width,
        height=frame.bottom + 2 + LABELS_HEIGHT,
        label="Jacobian of each block, from Frobenius rms to spectral norm, logarithmic",
        class_="wide" if width == WIDE else "narrow",
    )


def _norm(spectrum: Spectrum) -> Value:
    return spectrum.spectral_norm


def _rms(spectrum: Spectrum) -> Value:
    return spectrum.frobenius_rms


def _is_measured(spectrum: Spectrum) -> bool:
    return spectrum.spectral_norm.is_measured or spectrum.frobenius_rms.is_measured


def _interval(spectrum: Spectrum) -> tuple[float, float] | None:
    """log10 of rms and norm; where just one is known, it is both."""
    known = [v.value for v in (_rms(spectrum), _norm(spectrum)) if v.value and v.value > 0]
    return (math.log10(min(known)), math.log10(max(known))) if known else None


def _bars(axis: DepthAxis, scale: Scale, spectra: Sequence[Spectrum], kind: Kind) -> str:
    half = min(axis.pitch * 0.13, 4.0)
    d, caps = [], []
    for index, spectrum in enumerate(spectra):
        interval = _interval(spectrum)
        if interval is None:
            continue
        x = axis.center(index) + kind.side * (half + min(axis.pitch * 0.06, 2.5))
        low, high = scale(interval[0]), scale(interval[1])
        left, size = svg.coordinate(x - half), svg.coordinate(2 * half)
        tall = max(low - high, 1.0)
        d.append(f"M{left} {svg.coordinate(low)}h{size}v{svg.coordinate(-tall)}h-{size}Z")
        caps.append(f"M{left} {svg.coordinate(low)}h{size}")
    return svg.path("".join(d), class_=f"bar {kind.name}") + svg.path(
        "".join(caps), class_=f"cap {kind.name}"
    )


def _ribbons(axis: DepthAxis, scale: Scale, spectra: Sequence[Spectrum], kind: Kind) -> str:
    """Where bars have no room: an area from the smallest to the largest end of each column."""
    d = []
    run: list[tuple[float, float, float]] = []
    for column in (*axis.columns(most=MOST_COLUMNS), None):
        ends = [e for i in column or () if (e := _interval(spectra[i])) is not None]
        if ends and column is not None:
            low, high = scale(min(end[0] for end in ends)), scale(max(end[1] for end in ends))
            run.append(((axis.edge(column.start) + axis.edge(column.stop)) / 2, low, high))
        elif run:
            d.append(svg.area([(x, high) for x, _, high in run], [(x, low) for x, low, _ in run]))
            run = []
    return svg.path("".join(d), class_=f"ribbon {kind.name}")


def _legend(kinds: Sequence[Kind], width: float) -> tuple[str, float]:
    parts: list[str] = []
    x, y = 0.0, 11.0
    for kind in kinds:
        needed = 22 + len(kind.legend) * svg.LETTER_WIDTH + 20
        if x and x + needed > width:
            x, y = 0.0, y + 20
        parts.append(svg.rectangle(x + 1, y - 9, x + 13, y + 1, class_=f"bar {kind.name}"))
        parts.append(svg.label(x + 22, y, kind.legend))
        x += needed
    return "".join(parts), y
