"""Shares as columns: where skips return, and of what spans, of the best quarter beside all."""

from __future__ import annotations

from collections.abc import Sequence

from plusone.records import BlockReport
from plusone.report import svg
from plusone.report.axes import (
    LABELS_HEIGHT,
    LEFT,
    RIGHT,
    WIDE,
    DepthAxis,
    Frame,
    hover,
    linear_grid,
    linear_ticks,
)
from plusone.report.numerals import percent
from plusone.search.show.labels import place_labels
from plusone.search.show.plane import legend

_HEIGHT = 130.0
_NAMES = (("share", "best quarter"), ("all", "all trained patterns"))


def return_profile(
    blocks: Sequence[BlockReport], best: Sequence[float], every: Sequence[float], *, width: float
) -> str:
    """For each place but the first, the share of patterns with a skip that returns there.

    `blocks` are all places, one more than there are shares: none returns at the first.
    """
    axis = DepthAxis(num_blocks=len(blocks), left=LEFT, right=width - RIGHT)
    best, every = (0.0, *best), (0.0, *every)
    frame, parts = _columns(axis, best, every, width=width)
    hints = [f"{k + 1}  {block.name}" for k, block in enumerate(blocks)]
    parts.append(place_labels(axis, blocks, top=frame.bottom + 2))
    if width == WIDE:
        parts.append(hover(axis, frame, _hints(axis, hints, best, every)))
    return svg.picture(
        "".join(parts),
        width=width,
        height=frame.bottom + 2 + LABELS_HEIGHT,
        label="Share of patterns with a skip that returns at each place",
        class_="wide" if width == WIDE else "narrow",
    )


def span_histogram(best: Sequence[float], every: Sequence[float], *, width: float) -> str:
    """The share of skips of span 1, 2, ..."""
    axis = DepthAxis(num_blocks=len(best), left=LEFT, right=width - RIGHT)
    frame, parts = _columns(axis, best, every, width=width)
    ticks = linear_ticks(1.0, float(len(best)), most=12 if width == WIDE else 6)
    for span in sorted({1, *(int(tick) for tick in ticks if tick == int(tick) >= 2)}):
        x = axis.center(span - 1)
        parts.append(svg.label(x, frame.bottom + 16, str(span), anchor="middle", class_="tick"))
    middle = (axis.left + axis.right) / 2
    parts.append(svg.label(middle, frame.bottom + 34, "span in places", anchor="middle"))
    if width == WIDE:
        hints = [f"span {k}" for k in range(1, len(best) + 1)]
        parts.append(hover(axis, frame, _hints(axis, hints, best, every)))
    return svg.picture(
        "".join(parts),
        width=width,
        height=frame.bottom + 42,
        label="Share of skips by span",
        class_="wide" if width == WIDE else "narrow",
    )


def _columns(
    axis: DepthAxis, best: Sequence[float], every: Sequence[float], *, width: float
) -> tuple[Frame, list[str]]:
    """Bars for the best quarter, an outline for all, and the frame that they stand in."""
    key, top = legend(_NAMES, width=width)
    frame = Frame(left=axis.left, top=top + 16, right=axis.right, bottom=top + 16 + _HEIGHT)
    up = frame.vertical(0.0, 1.04 * max(*best, *every, 0.01))
    floor = svg.coordinate(frame.bottom)
    half = min(0.36 * axis.pitch, 14.0)
    bars = "".join(
        f"M{svg.coordinate(axis.center(k) - half)} {floor}V{svg.coordinate(up(share))}"
        f"h{svg.coordinate(2 * half)}V{floor}Z"
        for k, share in enumerate(best)
        if share
    )
    outline = [
        (x, up(share)) for k, share in enumerate(every) for x in (axis.edge(k), axis.edge(k + 1))
    ]
    line = svg.line((frame.left, frame.bottom), (frame.right, frame.bottom), class_="axis")
    return frame, [
        key,
        linear_grid(frame, up),
        svg.path(bars, class_="share"),
        svg.path(svg.polyline(outline), class_="all"),
        line,
    ]


def _hints(
    axis: DepthAxis, names: Sequence[str], best: Sequence[float], every: Sequence[float]
) -> list[str]:
    lines = [
        f"{name}: {percent(a)} of the best quarter, {percent(b)} of all"
        for name, a, b in zip(names, best, every, strict=True)
    ]
    return ["\n".join(lines[k] for k in column) for column in axis.columns()]
