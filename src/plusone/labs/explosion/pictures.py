"""Figures and tables of the growth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plusone.labs.base import Figure, Runs, Table
from plusone.labs.explosion.nets import COLUMNS, DEPTHS, FORMS, depths_up_to
from plusone.labs.show.figures import (
    GREEN,
    INK,
    PINK,
    PLAIN,
    PURPLE,
    QUIET,
    RESIDUAL,
    TEAL,
    Axes,
    band,
    draw,
    ticks,
)

COLORS = dict(zip(FORMS, (RESIDUAL, PLAIN, TEAL, GREEN, PURPLE, PINK), strict=True))
MARKS = {"bound": "v", "norm": "s", "moments": "^", "mean gain": "o"}
INKS = {"bound": PURPLE, "norm": TEAL, "moments": GREEN, "mean gain": INK}
WORDS = {
    "bound": "bound, product of 1 + β",
    "norm": "spectral norm",
    "moments": "product of mean gains",
    "mean gain": "mean gain",
}


def figures(runs: Runs) -> tuple[Figure, ...]:
    return (
        Figure(
            name="start",
            title="Growth at the start",
            svg=draw(lambda axes: _start(axes, runs), panels=2),
            caption="Left: the residual net without a norm. Right: mean gain of all forms. Areas "
            "span the seeds, dashed is 2^(L/2).",
        ),
        Figure(
            name="trained",
            title="Growth after training",
            svg=draw(lambda axes: _trained(axes, runs), panels=2, panel=(4.6, 3.6)),
            caption="Left: log10 of what the bound allows and of what the trained nets do (plain: "
            "the product of beta). Right: the spectral norm of each branch.",
        ),
    )


def depths_of(runs: Runs) -> tuple[int, ...]:
    """The depths at the start of a net that the runs have."""
    return depths_up_to(int(runs.plan.arms[0].options["deepest"]))


def _start(axes: Sequence[Axes], runs: Runs) -> None:
    left, right = axes
    depths = depths_of(runs)
    law = 0.5 * np.asarray(depths) * np.log10(2)
    for name in ("bound", "norm", "mean gain"):
        _line(
            left, runs.of("residual", "depths")[:, :, COLUMNS.index(name)], INKS[name], WORDS[name]
        )
    for name, color in COLORS.items():
        _line(right, runs.of(name, "depths")[:, :, COLUMNS.index("mean gain")], color, name)
    for panel in axes:
        panel.plot(depths, law, "--", color=QUIET, linewidth=1.2, zorder=5)
        panel.set_xlabel("blocks")
        panel.legend(loc="upper left")
        ticks(panel, depths[1:])
    left.set(title="Residual net", ylabel="log10")
    right.set(title="Mean gain by form")


def _line(axes: Axes, values: np.ndarray, color: str, label: str) -> None:
    depths = DEPTHS[: values.shape[1]]
    axes.plot(depths, values.mean(0), "o-", color=color, label=label)
    band(axes, depths, values.min(0), values.max(0), color)


def _trained(axes: Sequence[Axes], runs: Runs) -> None:
    left, right = axes
    at = np.arange(len(FORMS))
    for offset, (name, mark) in zip((-0.24, -0.08, 0.08, 0.24), MARKS.items(), strict=True):
        values = np.array([runs.of(form, "after")[:, COLUMNS.index(name)] for form in FORMS])
        mean = values.mean(1)
        spread = [mean - values.min(1), values.max(1) - mean]
        left.errorbar(mean, at + offset, xerr=spread, fmt=mark, color=INKS[name], label=WORDS[name])
    left.axvline(0, color=QUIET, linewidth=1)
    left.set_yticks(at, list(FORMS))
    left.invert_yaxis()
    left.set(title="Trained nets", xlabel="log10")
    left.legend(loc="upper center", bbox_to_anchor=(0.45, -0.2), ncols=2)
    for form, color in COLORS.items():
        betas = runs.mean(form, "betas")
        right.semilogy(np.arange(1, len(betas) + 1), betas, color=color, label=form)
    right.set(title="β of each branch", xlabel="block")
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)


def tables(runs: Runs) -> tuple[Table, ...]:
    start: tuple[tuple[str | float, ...], ...] = tuple(
        (name, float(depth), *map(float, runs.mean(name, "depths")[row]))
        for name in FORMS
        for row, depth in enumerate(depths_of(runs))
    )
    trained: tuple[tuple[str | float, ...], ...] = tuple(
        (name, *map(float, runs.mean(name, "after")), float(runs.mean(name, "accuracy")))
        for name in FORMS
    )
    return (
        Table(
            title="At the start: log10 of what blocks allow and do, and mean beta",
            columns=("form", "blocks", *COLUMNS),
            rows=start,
        ),
        Table(
            title="The same after training, with the test accuracy",
            columns=("form", *COLUMNS, "accuracy"),
            rows=trained,
        ),
    )
