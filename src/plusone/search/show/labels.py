"""The places' names below a picture: of every nth place, so that none touches the next."""

from __future__ import annotations

from collections.abc import Sequence

from plusone.records import BlockReport
from plusone.report import svg
from plusone.report.axes import RIGHT, DepthAxis
from plusone.report.places import common_prefix

_LONGEST = 110.0
_GAP = 10.0


def place_labels(axis: DepthAxis, blocks: Sequence[BlockReport], *, top: float) -> str:
    """The module paths, without a long prefix that all have, in one line below `top`."""
    prefix = common_prefix(blocks)
    names = [svg.shortened(b.name.removeprefix(prefix), width=_LONGEST) for b in blocks]
    return "".join(
        svg.label(
            middle,
            top + 14,
            names[k],
            anchor="middle",
            class_="tick",
            title=blocks[k].name,
        )
        for k, middle in labelled(axis, [len(name) * svg.LETTER_WIDTH for name in names])
    )


def labelled(axis: DepthAxis, widths: Sequence[float]) -> list[tuple[int, float]]:
    """Which places have a label, and where its middle is: evenly spaced, and the last one.

    Labels lie within the picture, and `_GAP` pixels apart.
    """
    step = _step((max(widths) + _GAP) / axis.pitch)
    last = len(widths) - 1
    shown = [*range(0, last, step), last]
    if len(shown) > 1 and _left(axis, widths, last) < _right(axis, widths, shown[-2]) + _GAP:
        del shown[-2 if len(shown) > 2 else -1]
    return [(k, (_left(axis, widths, k) + _right(axis, widths, k)) / 2) for k in shown]


def _left(axis: DepthAxis, widths: Sequence[float], place: int) -> float:
    left = axis.center(place) - widths[place] / 2
    return max(min(left, axis.right + RIGHT - widths[place]), 0.0)


def _right(axis: DepthAxis, widths: Sequence[float], place: int) -> float:
    return _left(axis, widths, place) + widths[place]


def _step(least: float) -> int:
    """The least of 1, 2, 5, 10, 20, 50, ... that is no smaller."""
    return next(step for k in range(9) for m in (1, 2, 5) if (step := m * int(10**k)) >= least)
