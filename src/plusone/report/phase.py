"""The phase diagram over depth and skip density: as one SVG file that stands alone, as a table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from markupsafe import escape
from numpy.typing import NDArray

from plusone.report import svg
from plusone.report.axes import Frame, Scale, linear_ticks
from plusone.report.numerals import number
from plusone.theory import PhaseDiagram

WIDTH, HEIGHT = 640.0, 400.0
FRAME = Frame(left=56.0, top=52.0, right=WIDTH - 16.0, bottom=HEIGHT - 48.0)
SIGNS = {"vanishing": "\u2198", "trainable": "\u2713", "exploding": "\u2197"}
MAX_TICKS = 8
STYLE = """
.plusone-phase { color-scheme: light dark; font: 12px system-ui, sans-serif; }
.plusone-phase .paper { fill: light-dark(#ffffff, #14171a); }
.plusone-phase text { fill: light-dark(#1d2126, #e4e7ea); }
.plusone-phase text.tick { fill: light-dark(#5d646d, #9ba3ad); font-variant-numeric: tabular-nums; }
.plusone-phase .vanishing { fill: light-dark(#c9dcf0, #23415f); }
.plusone-phase .trainable { fill: light-dark(#cfe8d8, #1f4a31); }
.plusone-phase .exploding { fill: light-dark(#f6d5bd, #67371a); }
.plusone-phase rect { shape-rendering: crispEdges; }
.plusone-phase .axis { stroke: light-dark(#8a929b, #6d757e); }
.plusone-phase path.halo { stroke: light-dark(#ffffff, #14171a); stroke-width: 5; fill: none; }
.plusone-phase path.point { stroke: light-dark(#1d2126, #e4e7ea); stroke-width: 2; fill: none; }
.plusone-phase text.point { font-weight: 600; stroke: light-dark(#ffffff, #14171a);
  stroke-width: 3; stroke-linejoin: round; paint-order: stroke; }
.plusone-phase .edge { stroke: light-dark(#1d2126, #e4e7ea); stroke-width: 1.4; fill: none; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Neighbouring columns `first` to `last` of a row that have one label."""

    row: int
    first: int
    last: int
    label: str


def phase_svg(
    diagram: PhaseDiagram,
    *,
    title: str = "Typical gradient at the input",
    point: tuple[int, float] | None = None,
) -> str:
    """The diagram, a column per depth and a row per density, light or dark as the reader has it.

    Areas are told apart by a sign and a line between them, not by colour alone; each names itself
    when pointed at. `point` is a depth and a density to mark: one beyond the diagram is put on its
    edge.
    """
    across, up = _scales(diagram)
    runs = list(_runs(diagram))
    parts = [
        svg.rectangle(0, 0, WIDTH, HEIGHT, class_="paper"),
        svg.label(16, 22, title),
        *(_area(diagram, run, across, up) for run in runs),
        svg.path(_edges(diagram, across, up), class_="edge"),
        *_signs(runs, across, up),
        *_ticks(diagram, across, up),
        _legend(diagram),
        _mark(diagram, point, across, up) if point is not None else "",
    ]
    return svg.standalone(
        "".join(parts), STYLE, width=WIDTH, height=HEIGHT, label=title, class_="plusone-phase"
    )


def phase_table(diagram: PhaseDiagram) -> str:
    """The diagram as a Markdown table: v vanishing, t trainable, e exploding."""
    head, *rows = diagram.table()
    rule = ("---:", *("---" for _ in head[1:]))
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows)) + "\n"


def _scales(diagram: PhaseDiagram) -> tuple[Scale, Scale]:
    """Pixels of the columns' and the rows' edges, both counted from 0."""
    num_rows, num_columns = diagram.label.shape
    across = Scale(low=0.0, high=float(num_columns), start=FRAME.left, end=FRAME.right)
    return across, Scale(low=0.0, high=float(num_rows), start=FRAME.bottom, end=FRAME.top)


def _runs(diagram: PhaseDiagram) -> Iterator[Run]:
    for row, labels in enumerate(diagram.label.tolist()):
        first = 0
        for column in range(1, len(labels) + 1):
            if column == len(labels) or labels[column] != labels[first]:
                yield Run(row=row, first=first, last=column - 1, label=labels[first])
                first = column


def _area(diagram: PhaseDiagram, run: Run, across: Scale, up: Scale) -> str:
    low, high = diagram.depths[run.first], diagram.depths[run.last]
    depths = f"depth {low:,}" if run.first == run.last else f"depth {low:,} to {high:,}"
    name = f"density {diagram.densities[run.row]:.3g}, {depths}: {run.label}"
    left, top = across(run.first), up(run.row + 1)
    return svg.element(
        "rect",
        svg.element("title", str(escape(name))),
        x=left,
        y=top,
        width=across(run.last + 1) - left,
        height=up(run.row) - top,
        class_=run.label,
    )


def _edges(diagram: PhaseDiagram, across: Scale, up: Scale) -> str:
    """The lines between neighbouring cells whose labels differ."""
    label = diagram.label
    parts = []
    for row, column in zip(*(label[:, 1:] != label[:, :-1]).nonzero(), strict=True):
        x = across(float(column + 1))
        parts.append(svg.polyline([(x, up(float(row))), (x, up(float(row + 1)))]))
    for row, column in zip(*(label[1:] != label[:-1]).nonzero(), strict=True):
        y = up(float(row + 1))
        parts.append(svg.polyline([(across(float(column)), y), (across(float(column + 1)), y)]))
    return "".join(parts)


def _signs(runs: list[Run], across: Scale, up: Scale) -> Iterator[str]:
    """One sign for each label, in the middle of its longest run."""
    for label, sign in SIGNS.items():
        own = [run for run in runs if run.label == label]
        if own:
            longest = max(run.last - run.first for run in own)
            rows = [run for run in own if run.last - run.first == longest]
            run = rows[len(rows) // 2]
            x, y = across((run.first + run.last + 1) / 2), up(run.row + 0.5)
            yield svg.label(x, y + 4, sign, anchor="middle")


def _ticks(diagram: PhaseDiagram, across: Scale, up: Scale) -> Iterator[str]:
    num_rows, num_columns = diagram.label.shape
    yield svg.line((FRAME.left, FRAME.bottom), (FRAME.right, FRAME.bottom), class_="axis")
    yield svg.line((FRAME.left, FRAME.top), (FRAME.left, FRAME.bottom), class_="axis")
    for column in _chosen(num_columns):
        text = number(float(diagram.depths[column]), digits=5)
        x = across(column + 0.5)
        yield svg.label(x, FRAME.bottom + 16, text, anchor="middle", class_="tick")
    for row in _chosen(num_rows):
        text = number(float(diagram.densities[row]), digits=2)
        yield svg.label(FRAME.left - 6, up(row + 0.5) + 4, text, anchor="end", class_="tick")
    middle = (FRAME.left + FRAME.right) / 2
    yield svg.label(middle, FRAME.bottom + 36, "depth (blocks)", anchor="middle")
    yield svg.label(16, FRAME.top - 10, "skip density")


def _chosen(count: int) -> list[int]:
    """At most about MAX_TICKS evenly spaced places."""
    if count <= MAX_TICKS:
        return list(range(count))
    step = max(1, round(linear_ticks(0.0, float(count), most=MAX_TICKS)[1]))
    return list(range(0, count, step))


def _mark(diagram: PhaseDiagram, point: tuple[int, float], across: Scale, up: Scale) -> str:
    """A ring around the point, between the columns and rows nearest to it, with its name beside.

    Between two columns the depth counts by its logarithm, as depths are at equal ratios.
    """
    depth, density = point
    x = across(_place(math.log(depth), np.log(diagram.depths)))
    y = up(_place(density, diagram.densities))
    is_left = x < (FRAME.left + FRAME.right) / 2
    is_high = y < FRAME.top + 16
    name = f"depth {depth:,}, density {density:.3g}"
    return (
        svg.path(svg.circles([(x, y)], radius=5.0), class_="halo")
        + svg.path(svg.circles([(x, y)], radius=5.0), class_="point")
        + svg.label(
            x + (10 if is_left else -10),
            y + (14 if is_high else -8),
            name,
            anchor="start" if is_left else "end",
            class_="point",
        )
    )


def _place(value: float, centres: NDArray[np.floating]) -> float:
    """Where a value is among the centres of columns (or rows), which are at k + 0.5."""
    return float(np.interp(value, centres, np.arange(len(centres)) + 0.5))


def _legend(diagram: PhaseDiagram) -> str:
    window = number(diagram.window)
    text = "   ".join(f"{sign} {label}" for label, sign in SIGNS.items())
    return svg.label(
        WIDTH - 16, FRAME.top - 10, f"{text}   (beyond {window} decades)", anchor="end"
    )
