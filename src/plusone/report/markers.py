"""Markers of findings: a line at each block that findings name, with a flag for each code.

Flags that would overlap stand in rows above one another. To the right of its line a flag needs
that no later line rises through it, so of two neighbours the left one stands higher; near the
right edge flags point to the left, and there the right one stands higher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from plusone.records import Finding, ReportData
from plusone.report import svg
from plusone.report.axes import DepthAxis, Frame
from plusone.report.places import findings_by_block, tone_of

ROW = 13.0
LIFT = 6.0
MOST_ROWS = 5
GAP = 6.0
HEADING = 24.0
CODE_WIDTH = 6.9
"""Mean width in pixels of a letter of a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Flags at `x`: the text and the severity of each, the first on top of `row`."""

    x: float
    flags: tuple[tuple[str, str], ...]
    row: int = 0
    is_left: bool = False

    @property
    def top(self) -> int:
        """The first row above its flags."""
        return self.row + len(self.flags)


def alerts(data: ReportData, axis: DepthAxis, frame: Frame) -> str:
    """A line through the frame at each block that findings name, and their codes above it."""
    placed = markers(data, axis)
    tops = {marker.x: marker.top * ROW + LIFT - 3 for marker in placed}
    parts = []
    for index, findings in findings_by_block(data).items():
        x = axis.center(index)
        top = frame.top - tops.get(x, 0.0)
        parts.append(svg.line((x, top), (x, frame.bottom), class_=f"alert {tone_of(findings)}"))
    return "".join((*parts, *(_flags(marker, frame.top) for marker in placed)))


def _flags(marker: Marker, bottom: float) -> str:
    x, anchor = (marker.x - 3, "end") if marker.is_left else (marker.x + 3, "")
    return "".join(
        svg.label(
            x, bottom - LIFT - ROW * row, text, anchor=anchor, class_=f"alert-code {severity}"
        )
        for row, (text, severity) in zip(
            range(marker.top - 1, marker.row - 1, -1), marker.flags, strict=True
        )
    )


def alerts_room(data: ReportData, axis: DepthAxis) -> float:
    """Pixels that the codes of findings need above a frame; 0 without findings."""
    rows = max((marker.top for marker in markers(data, axis)), default=0)
    return ROW * rows + LIFT + 1 if rows else 0.0


def heading_room(data: ReportData, axis: DepthAxis) -> float:
    """Pixels that a panel needs above it for its heading and for the codes of findings."""
    return HEADING + alerts_room(data, axis)


def heading(data: ReportData, axis: DepthAxis, frame: Frame, text: str) -> str:
    """The heading of a panel, above the codes of findings that `alerts` writes."""
    y = frame.top + 16 - heading_room(data, axis)
    return svg.label(frame.left, y, text, class_="panel-title")


def markers(data: ReportData, axis: DepthAxis) -> list[Marker]:
    """The flags of all findings where none overlaps another, from left to right.

    Where more than `MOST_ROWS` rows would be needed, the flags of neighbouring blocks are
    gathered at the first of them, with the number of each code.
    """
    named = findings_by_block(data)
    single = _placed([_marker(axis, [i], named[i]) for i in named], axis)
    if max((marker.top for marker in single), default=0) <= MOST_ROWS:
        return single
    groups: list[list[int]] = []
    reach = _width("A303 x1,000")
    for i in named:
        if groups and axis.center(i) - axis.center(groups[-1][0]) < reach:
            groups[-1].append(i)
        else:
            groups.append([i])
    gathered = [[finding for i in group for finding in named[i]] for group in groups]
    return _placed(
        [_marker(axis, group, found) for group, found in zip(groups, gathered, strict=True)], axis
    )


def _marker(axis: DepthAxis, blocks: Sequence[int], findings: Sequence[Finding]) -> Marker:
    counts: dict[tuple[str, str], int] = {}
    for finding in findings:
        key = (finding.code, finding.severity)
        counts[key] = counts.get(key, 0) + 1
    is_gathered = len(blocks) > 1
    flags = tuple(
        (f"{code} x{count:,}" if is_gathered and count > 1 else code, severity)
        for (code, severity), count in counts.items()
    )
    return Marker(x=axis.center(blocks[0]), flags=flags)


def _width(text: str) -> float:
    return CODE_WIDTH * len(text) + GAP


def _placed(found: Sequence[Marker], axis: DepthAxis) -> list[Marker]:
    """The markers, from left to right, with the sides and rows on which they do not collide."""
    width = max((_width(text) for marker in found for text, _ in marker.flags), default=0.0)
    first_left = len(found)
    edge = axis.right
    while first_left and found[first_left - 1].x + width > edge:
        first_left -= 1
        edge = found[first_left].x
    rights: list[Marker] = []
    for marker in reversed(found[:first_left]):
        near = [m.top for m in rights if m.x < marker.x + width]
        rights.insert(0, replace(marker, row=max(near, default=0)))
    lefts: list[Marker] = []
    for marker in found[first_left:]:
        near = [m.top for m in lefts if m.x > marker.x - width]
        near += [m.top for m in rights if m.x + width > marker.x - width]
        lefts.append(replace(marker, row=max(near, default=0), is_left=True))
    return rights + lefts
