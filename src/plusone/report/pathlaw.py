"""The path-length law: how many paths have each length, and how much gradient they carry."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import escape

from plusone.records import PathLaw, ReportData
from plusone.report import svg
from plusone.report.axes import LEFT, RIGHT, WIDE, Frame, Scale, linear_grid, linear_ticks
from plusone.report.numerals import number, percent

HEIGHT = 150.0
SMALLEST_SHARE = 1e-3
MOST_WHOLE = 200
"""Lengths up to which the whole law is drawn; of a longer one the far tails are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Per path length: share of all paths and share of the gradient (empty: not measured)."""

    lengths: tuple[int, ...]
    counts: tuple[float, ...]
    weights: tuple[float, ...]


def shares(paths: PathLaw) -> Shares:
    """The law in shares; of a long one, without the tails below a thousandth of the peaks."""
    largest = max(paths.log10_counts, default=0.0)
    raw = [10 ** (log - largest) if math.isfinite(log) else 0.0 for log in paths.log10_counts]
    total = sum(raw) or 1.0
    counts = [share / total for share in raw]
    usable = len(paths.weights) == len(paths.lengths) and all(map(math.isfinite, paths.weights))
    weights = list(paths.weights) if usable else []
    kept = slice(None)
    if len(paths.lengths) > MOST_WHOLE:
        high = [
            i
            for i in range(len(paths.lengths))
            if counts[i] > SMALLEST_SHARE * max(counts)
            or (weights and weights[i] > SMALLEST_SHARE * max(weights))
        ]
        kept = slice(high[0], high[-1] + 1)
    return Shares(
        lengths=tuple(paths.lengths[kept]),
        counts=tuple(counts[kept]),
        weights=tuple(weights[kept]),
    )


def path_law(data: ReportData, *, width: float) -> str:
    """The picture of the law, or "" where all paths are of one length."""
    law = shares(data.structure.paths)
    if len(law.lengths) < 2 or len(data.structure.paths.log10_counts) < 2:
        return ""
    legend, top = _legend(bool(law.weights), width)
    frame = Frame(left=LEFT, top=top, right=width - RIGHT, bottom=top + HEIGHT)
    low, high = law.lengths[0] - 0.5, law.lengths[-1] + 0.5
    across = Scale(low=low, high=high, start=frame.left, end=frame.right)
    up = frame.vertical(0.0, 1.06 * max(*law.counts, *law.weights))
    pitch = across(1.0 + low) - across(low)
    parts = [
        legend,
        linear_grid(frame, up),
        _columns(law, across, up, pitch),
        _counts(law, across, up),
        _means(data.structure.paths, across, frame),
        svg.line((frame.left, frame.bottom), (frame.right, frame.bottom), class_="axis"),
        _length_labels(law, data.structure.paths, across, frame),
        _hover(law, across, frame, pitch) if width == WIDE else "",
    ]
    return svg.picture(
        "".join(parts),
        width=width,
        height=frame.bottom + 42,
        label="Share of paths and share of gradient by path length",
        class_="wide" if width == WIDE else "narrow",
    )


def _columns(law: Shares, across: Scale, up: Scale, pitch: float) -> str:
    half = min(0.34 * pitch, 11.0)
    if half < 1:
        points = [(across(float(x)), up(y)) for x, y in zip(law.lengths, law.weights, strict=False)]
        return svg.path(svg.area(points, [(x, up(0.0)) for x, _ in points]), class_="weights")
    size, floor = svg.coordinate(2 * half), svg.coordinate(up(0.0))
    d = "".join(
        f"M{svg.coordinate(across(float(x)) - half)} {floor}V{svg.coordinate(up(y))}"
        f"h{size}V{floor}Z"
        for x, y in zip(law.lengths, law.weights, strict=False)
    )
    return svg.path(d, class_="weights")


def _counts(law: Shares, across: Scale, up: Scale) -> str:
    points = [(across(float(x)), up(y)) for x, y in zip(law.lengths, law.counts, strict=True)]
    drawn = svg.path(svg.polyline(_with_gaps(law.lengths, points)), class_="curve counts")
    if len(points) > 64:
        return drawn
    return drawn + svg.path(svg.circles(points, radius=2.6), class_="mark counts")


def _with_gaps(lengths: Sequence[int], points: Sequence[svg.Point]) -> Iterator[svg.Point | None]:
    """The points, with None where no path has the lengths between two of them."""
    for index, point in enumerate(points):
        if index and lengths[index] > lengths[index - 1] + 1:
            yield None
        yield point


def _means(paths: PathLaw, across: Scale, frame: Frame) -> str:
    parts = [_mean(paths.mean_length, "counts", across, frame)]
    if paths.effective_length is not None and math.isfinite(paths.effective_length):
        parts.append(_mean(paths.effective_length, "weights", across, frame))
    return "".join(parts)


def _mean(length: float, name: str, across: Scale, frame: Frame) -> str:
    x = across(float(length))
    top = frame.top - 4
    return svg.path(
        f"M{svg.coordinate(x)} {svg.coordinate(frame.bottom)}V{svg.coordinate(top)}",
        class_=f"mean {name}",
    ) + svg.label(x, top - 4, number(length), anchor="middle", class_="tick")


def _length_labels(law: Shares, paths: PathLaw, across: Scale, frame: Frame) -> str:
    ticks = linear_ticks(float(law.lengths[0]), float(law.lengths[-1]), most=9)
    parts = [
        svg.label(across(float(x)), frame.bottom + 15, f"{x:,.0f}", anchor="middle", class_="tick")
        for x in ticks
        if x == int(x)
    ]
    middle = (frame.left + frame.right) / 2
    title = "path length in blocks"
    shown, whole = (law.lengths[0], law.lengths[-1]), (paths.min_length, paths.max_length)
    if shown != whole:
        title = f"length in blocks, {shown[0]:,} to {shown[1]:,} of {whole[0]:,} to {whole[1]:,}"
    return "".join(parts) + svg.label(middle, frame.bottom + 31, title, anchor="middle")


def _hover(law: Shares, across: Scale, frame: Frame, pitch: float) -> str:
    if len(law.lengths) > 200:
        return ""
    parts = []
    for index, length in enumerate(law.lengths):
        hint = f"length {length}: {percent(law.counts[index])} of the paths"
        if law.weights:
            hint += f", {percent(law.weights[index])} of the gradient"
        x = across(float(length)) - pitch / 2
        box = {"x": x, "y": frame.top, "width": pitch, "height": frame.bottom - frame.top}
        parts.append(svg.element("rect", svg.element("title", str(escape(hint))), **box))
    return svg.element("g", "".join(parts), class_="hover")


def _legend(has_weights: bool, width: float) -> tuple[str, float]:
    parts = [
        svg.path("M1 7h26", class_="curve counts"),
        svg.path(svg.circles([(14.0, 7.0)], radius=2.6), class_="mark counts"),
        svg.label(34.0, 11.0, "share of paths"),
    ]
    if not has_weights:
        return "".join(parts), 44.0
    x, y = (150.0, 11.0) if width == WIDE else (0.0, 31.0)
    parts.append(svg.rectangle(x + 8, y - 9, x + 20, y + 1, class_="weights"))
    parts.append(svg.label(x + 34, y, "share of the gradient's second moment"))
    return "".join(parts), y + 33.0
