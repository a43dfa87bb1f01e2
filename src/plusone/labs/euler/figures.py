"""Figures and tables of the orders, the limits and the refined nets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from plusone.labs.base import Figure, Runs, Table
from plusone.labs.euler.flows import LEAST_ERROR, METHODS
from plusone.labs.euler.refinement import PLAIN, STEPS
from plusone.labs.euler.stability import KINDS
from plusone.labs.show.figures import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    QUIET,
    TEAL,
    Axes,
    band,
    draw,
    ticks,
)

METHOD_COLORS = (BLUE, GREEN, PURPLE)


def figures(runs: Runs, depths: Sequence[int]) -> tuple[Figure, ...]:
    """Errors over depth; limits of stability; accuracies on finer grids."""
    return (
        Figure(
            name="orders",
            title="Error over depth, and the limit of stability",
            svg=draw(lambda axes: _orders(axes, runs, depths), panels=2, panel=(4.2, 3.4)),
            caption="Left: distance at time 1 from the differential equation's solution; mean and "
            "range over seeds; thin lines: powers 1, 2 and 4. Right: the step at which a net of "
            "2,000 equal blocks begins to grow against h* from the eigenvalues.",
        ),
        Figure(
            name="refinement",
            title="A trained net on a finer grid",
            svg=draw(lambda axes: _refinement(axes, runs), panels=2, panel=(4.2, 3.2)),
            caption="Test accuracy, mean and range over seeds. Left: with each block two and four "
            "times and the step halved and quartered. Right: with each block two and four times as "
            "it is.",
        ),
    )


def _orders(axes: Sequence[Axes], runs: Runs, depths: Sequence[int]) -> None:
    left, right = axes
    errors = runs.of("orders", "errors")
    lines = {name: errors[:, i] for i, name in enumerate(METHODS)}
    lines["own weights"] = runs.of("orders", "independent")
    at = np.asarray(depths)
    for (name, found), color in zip(lines.items(), (*METHOD_COLORS, ORANGE), strict=True):
        left.loglog(at, found.mean(0), "o-", color=color, label=name)
        band(left, depths, found.min(0), found.max(0), color)
    for i, order in enumerate((1, 2, 4)):
        law = float(errors[:, i, 0].mean()) * (at / at[0]) ** -float(order)
        kept = law > LEAST_ERROR / 10
        left.loglog(at[kept], law[kept], color=QUIET, linewidth=0.8)
    left.set(title="Error at time 1", xlabel="blocks", ylabel="rms error")
    ticks(left, depths[::2])
    left.legend(loc="lower left")
    predicted, found = (runs.of("stability", key) for key in ("predicted", "measured"))
    ends = [float(predicted.min()) / 1.5, float(predicted.max()) * 1.5]
    right.loglog(ends, ends, color=QUIET, linewidth=0.8)
    for i, (kind, color) in enumerate(zip(KINDS, (BLUE, ORANGE, PURPLE, TEAL), strict=True)):
        right.loglog(predicted[:, i], found[:, i], "o", color=color, label=kind)
    right.set(title="Largest stable step", xlabel="h* predicted", ylabel="h measured")
    right.legend(loc="upper left")


def _refinement(axes: Sequence[Axes], runs: Runs) -> None:
    left, right = axes
    names = [arm.name for arm in runs.arms[2:]]
    for name, color in zip(names, (BLUE, GREEN, PURPLE, ORANGE), strict=True):
        for panel, key in ((left, "refined"), (right, "doubled")):
            found = np.column_stack([runs.of(name, "trained"), runs.of(name, key)])
            panel.plot((1, 2, 4), found.mean(0), "o-", color=color, label=name)
            band(panel, (1, 2, 4), found.min(0), found.max(0), color)
    left.set(title="Finer steps", xlabel="steps for each block", ylabel="test accuracy")
    right.set(title="Blocks doubled", xlabel="copies of each block")
    for panel in axes:
        ticks(panel, (1, 2, 4))
        panel.set_ylim(0, 1.03)
    right.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def tables(runs: Runs, orders: Mapping[str, Sequence[float]]) -> tuple[Table, ...]:
    """Orders; accuracies of each net on each grid."""
    rows: list[tuple[str | float, ...]] = []
    for arm in runs.arms[2:]:
        name = arm.name
        doubled = runs.mean(name, "doubled")
        cells = [*map(float, runs.mean(name, "refined")), math.nan, math.nan]
        if name != PLAIN:
            cells[2:] = [float(runs.mean(name, key)) for key in ("exact", "growth")]
        rows.append((name, float(runs.mean(name, "trained")), *cells, *map(float, doubled)))
    return (
        Table(
            title="Order of the error over depth, fitted",
            columns=("blocks", "mean", "smallest", "largest"),
            rows=tuple((name, float(np.mean(v)), min(v), max(v)) for name, v in orders.items()),
        ),
        Table(
            title=f"Test accuracies of nets trained with steps {', '.join(f'{h:g}' for h in STEPS)}"
            ", and their mean of max |1 + h lambda|; the plain net's steps are along F(x) - x",
            columns=(
                "net",
                "trained",
                "h/2",
                "h/4",
                "RK4, h/4",
                "growth",
                "doubled",
                "four times",
            ),
            rows=tuple(rows),
        ),
    )
