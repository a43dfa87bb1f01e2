"""Axes: scales with readable ticks, the depth axis that all pictures share, and plot frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import escape

from plusone.records import BlockReport, ReportData
from plusone.report import svg
from plusone.report.numerals import number
from plusone.report.places import Stage, common_prefix, stages

WIDE, NARROW = 800.0, 340.0
LEFT, RIGHT = 50.0, 10.0
MIN_COVERED = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A linear map of [low, high] to [start, end] pixels; values outside are put on the edge."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, x: float) -> float:
        share = (x - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The rectangle that a plot is drawn in, in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def vertical(self, low: float, high: float) -> Scale:
        """The scale from the bottom to the top of the frame."""
        return Scale(low=low, high=high, start=self.bottom, end=self.top)


def linear_ticks(low: float, high: float, *, most: int = 5) -> tuple[float, ...]:
    """At most about `most` round numbers from `low` to `high`, steps of 1, 2 or 5 times 10^k."""
    if not high > low:
        return (low,)
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(step for m in (1, 2, 5, 10) if (step := m * power) >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(i * step for i in range(first, last + 1))


def rounded(low: float, high: float, *, most: int = 5) -> tuple[float, float]:
    """The smallest range that holds [low, high] and ends on ticks."""
    ticks = linear_ticks(low, high, most=most)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else high - low or 1.0
    return step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)


def decades(low: float, high: float, *, most: int = 6) -> tuple[int, ...]:
    """At most `most` whole powers of ten in [low, high] (both log10), evenly spaced, 0 if in it."""
    step = max(1, math.ceil((high - low) / most))
    if step > 3:
        step = math.ceil(step / 5) * 5
    first = math.ceil(low / step - 1e-9)
    return tuple(i * step for i in range(first, math.floor(high / step + 1e-9) + 1))


def decade_label(exponent: int) -> str:
    """A power of ten as an axis label: 0.01, 1, 100, 1e-6."""
    return number(10.0**exponent) if -3 <= exponent <= 3 else f"1e{exponent}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthAxis:
    """Blocks in order of execution, evenly spaced from `left` to `right`."""

    num_blocks: int
    left: float
    right: float

    @classmethod
    def of(cls, data: ReportData, *, width: float) -> DepthAxis:
        return cls(num_blocks=len(data.blocks), left=LEFT, right=width - RIGHT)

    @property
    def pitch(self) -> float:
        """Pixels per block."""
        return (self.right - self.left) / max(self.num_blocks, 1)

    def center(self, index: int) -> float:
        return self.left + (index + 0.5) * self.pitch

    def edge(self, index: int) -> float:
        return self.left + index * self.pitch

    def columns(self, *, most: int = 200) -> list[range]:
        """The blocks in at most `most` neighbouring groups of equal size."""
        size = max(1, math.ceil(self.num_blocks / most))
        return [
            range(first, min(first + size, self.num_blocks))
            for first in range(0, self.num_blocks, size)
        ]


def depth_labels(axis: DepthAxis, blocks: Sequence[BlockReport], *, top: float) -> str:
    """Two lines of labels below `top`: the number of every nth block, and the stages' names."""
    parts = [_number(axis, index, top) for index in _numbered(axis)]
    return "".join(parts) + _stage_labels(axis, blocks, top=top)


def _numbered(axis: DepthAxis) -> list[int]:
    count = axis.num_blocks
    if axis.pitch > 20:
        return list(range(count))
    most = max(2, int((axis.right - axis.left) / 70))
    step = max(1, round(linear_ticks(0.0, float(count), most=most)[1]))
    later = [i for i in range(step - 1, count, step) if axis.center(i) > axis.center(0) + 26]
    return [0, *later]


def _number(axis: DepthAxis, index: int, top: float) -> str:
    text = f"{index + 1:,}"
    x = axis.center(index)
    is_clipped = x + len(text) * svg.LETTER_WIDTH / 2 > axis.right + RIGHT
    if is_clipped:
        return svg.label(axis.right + 4, top + 14, text, anchor="end", class_="tick")
    return svg.label(x, top + 14, text, anchor="middle", class_="tick")


def _stage_labels(axis: DepthAxis, blocks: Sequence[BlockReport], *, top: float) -> str:
    labels = _fitted(stages(blocks), axis)
    num_covered = sum(stage.last + 1 - stage.first for stage, text in labels if text)
    if num_covered < MIN_COVERED * len(blocks):
        return _end_labels(axis, blocks, top=top)
    parts = []
    for stage, text in labels:
        left, right = axis.edge(stage.first) + 2, axis.edge(stage.last + 1) - 2
        parts.append(svg.line((left, top + 20.5), (right, top + 20.5), class_="stage"))
        if text:
            parts.append(svg.label((left + right) / 2, top + 33, text, anchor="middle"))
    return "".join(parts)


def _fitted(found: Sequence[Stage], axis: DepthAxis) -> list[tuple[Stage, str]]:
    """The stages with what fits of their labels; no stages where labels say nothing."""
    rooms = [(stage.last + 1 - stage.first) * axis.pitch - 4 for stage in found]
    labels = [stage.label for stage in found]
    fits = [len(text) * svg.LETTER_WIDTH <= room for text, room in zip(labels, rooms, strict=True)]
    ends = [text.rpartition(".")[2] for text in labels]
    if all(end.isdecimal() for end in ends) and not all(fits):
        # blocks.0, 1, 2, ...: numbers alone follow the first one, which says of what.
        labels[1:] = ends[1:]
    if len(found) < 2 or (labels == ends and all(end.isdecimal() for end in ends)):
        return []
    if labels[0] != ends[0] and not fits[0]:
        return []
    return [
        (stage, svg.shortened(text, width=room) if room >= min(len(text), 6) * 7.0 else "")
        for stage, text, room in zip(found, labels, rooms, strict=True)
    ]


def _end_labels(axis: DepthAxis, blocks: Sequence[BlockReport], *, top: float) -> str:
    room = (axis.right - axis.left) / 2 - 12
    prefix = common_prefix(blocks)
    first = svg.shortened(blocks[0].name.removeprefix(prefix), width=room)
    if len(blocks) == 1:
        return svg.label(axis.center(0), top + 31, first, anchor="middle")
    last = svg.shortened(blocks[-1].name.removeprefix(prefix), width=room)
    return svg.label(axis.left, top + 31, first) + svg.label(
        axis.right, top + 31, last, anchor="end"
    )


LABELS_HEIGHT = 38.0


def hover(axis: DepthAxis, frame: Frame, titles: Sequence[str]) -> str:
    """Invisible columns over the frame, one per group of blocks, each with its title."""
    parts = []
    for column, title in zip(axis.columns(), titles, strict=True):
        box = {"x": axis.edge(column.start), "y": frame.top}
        size = {"width": axis.pitch * len(column), "height": frame.bottom - frame.top}
        hint = svg.element("title", str(escape(title)))
        parts.append(svg.element("rect", hint, **box, **size))
    return svg.element("g", "".join(parts), class_="hover")


def log_grid(frame: Frame, scale: Scale) -> str:
    """Horizontal lines and labels at powers of ten; the scale is of log10 values."""
    parts = []
    for exponent in decades(scale.low, scale.high):
        y = scale(float(exponent))
        parts.append(svg.line((frame.left, y), (frame.right, y), class_="grid"))
        parts.append(
            svg.label(frame.left - 6, y + 4, decade_label(exponent), anchor="end", class_="tick")
        )
    return "".join(parts)


def linear_grid(frame: Frame, scale: Scale, *, most: int = 4) -> str:
    """Horizontal lines and labels at round numbers."""
    parts = []
    for tick in linear_ticks(scale.low, scale.high, most=most):
        y = scale(tick)
        parts.append(svg.line((frame.left, y), (frame.right, y), class_="grid"))
        parts.append(svg.label(frame.left - 6, y + 4, number(tick), anchor="end", class_="tick"))
    return "".join(parts)
