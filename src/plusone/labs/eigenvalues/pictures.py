"""Figures and tables of the eigenvalues."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from plusone.labs.base import Figure, Runs, Table
from plusone.labs.eigenvalues import powers
from plusone.labs.show.figures import (
    GREEN,
    INK,
    PLAIN,
    PURPLE,
    QUIET,
    RESIDUAL,
    TEAL,
    Axes,
    draw,
)
from plusone.theory.bounds import log_eigenvalue_power

COLORS = {"plain": PLAIN, "residual": RESIDUAL, "scaled residual": TEAL}
NETS = tuple(COLORS)
WAYS = ("spectral radius", "second moment", "measured")
MARKS = dict(zip(WAYS, (("^", PURPLE), ("s", GREEN), ("o", INK)), strict=True))


def figures(runs: Runs) -> tuple[Figure, ...]:
    return (
        Figure(
            name="shift",
            title="Where the shift helps",
            svg=draw(lambda axes: _shift(axes, runs), panels=2),
            caption="Left: lines are the closed form, points were multiplied out. Right: every "
            "eigenvalue of every branch's Jacobian at one held-out digit, all seeds; inside the "
            "circle an eigenvector decays in spite of the skip, left of the dashed line the skip "
            "makes it decay faster.",
        ),
        Figure(
            name="slopes",
            title="What foretells the growth of a net",
            svg=draw(lambda axes: _slopes(axes, runs), panels=2),
            caption="Decades a block of the digits nets' Jacobians; bars span the seeds.",
        ),
        Figure(
            name="products",
            title="Products that eigenvalues do not tell",
            svg=draw(lambda axes: _products(axes, runs), panels=2),
            caption="Left: a new Gaussian matrix in each layer, s = 0.5; dashed: s^2L, (1 + s^2)^L "
            "and (1 + s^2/L)^L. Right: one Jordan block of size 32, whose eigenvalues are all 0.5.",
        ),
    )


def _shift(axes: Sequence[Axes], runs: Runs) -> None:
    left, right = axes
    grid = np.linspace(-1.3, 0.6, 381)
    closed = np.array([log_eigenvalue_power(v, powers.DEPTH) for v in grid]) / math.log(10)
    gains = runs.of("given", "gains")[0]
    for column, (name, color) in enumerate((("plain", PLAIN), ("residual", RESIDUAL))):
        left.plot(grid, np.maximum(closed[:, column], -70), color=color, label=name)
        left.plot(powers.EIGENVALUES, gains[:, column], "o", color=color)
    left.axvline(-0.5, color=QUIET, linestyle="--", linewidth=1)
    left.set(
        title=f"Gain over {powers.DEPTH} layers",
        xlabel="eigenvalue of W",
        ylabel="log10 of the gain",
        ylim=(-62, 22),
    )
    left.legend(loc="upper center")
    points = np.concatenate(list(runs.of("residual", "eigenvalues")))
    angle = np.linspace(0, 2 * math.pi, 200)
    right.plot(points[:, 0], points[:, 1], ".", color=RESIDUAL, markersize=2.5, alpha=0.5)
    right.plot(np.cos(angle) - 1, np.sin(angle), color=QUIET, linewidth=1)
    right.axvline(-0.5, color=QUIET, linestyle="--", linewidth=1)
    right.set(
        title="Branch eigenvalues, trained net",
        xlabel="real part",
        ylabel="imaginary part",
        aspect="equal",
        adjustable="datalim",
    )


def _slopes(axes: Sequence[Axes], runs: Runs) -> None:
    for panel, (key, title) in zip(
        axes, (("before", "At the start"), ("after", "After training")), strict=True
    ):
        for column, (way, (mark, color)) in enumerate(MARKS.items()):
            values = np.array([runs.of(name, key)[:, column] for name in NETS])
            at = np.arange(len(NETS)) + 0.16 * (column - 1)
            mean = values.mean(1)
            spread = [mean - values.min(1), values.max(1) - mean]
            panel.errorbar(at, mean, spread, fmt=mark, color=color, label=way)
        panel.axhline(0, color=QUIET, linewidth=1)
        panel.set(title=title, xlim=(-0.5, len(NETS) - 0.5))
        panel.set_xticks(range(len(NETS)), [n.replace("scaled ", "scaled\n") for n in NETS])
    axes[0].set_ylabel("decades a block")
    axes[1].legend()
    limits = [limit for panel in axes for limit in panel.get_ylim()]
    for panel in axes:
        panel.set_ylim(min(limits), max(limits) * 1.25)


def _products(axes: Sequence[Axes], runs: Runs) -> None:
    left, right = axes
    depth = np.arange(1, powers.DEPTH + 1)
    for kind, law in powers.moment_laws().items():
        values = runs.of("gaussian", kind)[:, 4::5]
        name = kind.replace("scaled residual", "residual / √L")
        left.plot(depth[4::5], values.mean(0), "o", color=COLORS[kind], label=name)
        left.plot(depth, depth * math.log10(law), "--", color=COLORS[kind], linewidth=1.2)
    left.set(title="Independent layers", xlabel="layers", ylabel="log10 of the mean squared gain")
    left.legend(loc="lower left")
    right.plot(depth, runs.of("given", "norms")[0], color=RESIDUAL, label="norm of the power")
    right.plot(depth, depth * math.log10(0.5), color=PURPLE, label="spectral radius")
    right.set(title="Not a normal matrix", xlabel="layers", ylabel="log10")
    right.legend(loc="center right")


def tables(runs: Runs) -> tuple[Table, ...]:
    gains = runs.of("given", "gains")[0]
    slopes: list[tuple[str | float, ...]] = []
    for name in NETS:
        for key, moment in (("before", "start"), ("after", "trained")):
            helped = runs.mean(name, "helped")[int(key == "after")]
            accuracy = float(runs.mean(name, "accuracy")) if key == "after" else math.nan
            slopes.append(
                (name, moment, *map(float, runs.mean(name, key)), float(helped), accuracy)
            )
    gaussian = tuple(
        (kind, powers.DEPTH * math.log10(law), float(runs.mean("gaussian", kind)[-1]))
        for kind, law in powers.moment_laws().items()
    )
    return (
        Table(
            title=f"log10 of the gain over {powers.DEPTH} equal layers",
            columns=("eigenvalue", "plain", "residual"),
            rows=tuple(
                (value, *map(float, row))
                for value, row in zip(powers.EIGENVALUES, gains, strict=True)
            ),
        ),
        Table(
            title="Nets on digits: decades a block, means over seeds",
            columns=("net", "when", *WAYS, "share helped", "test accuracy"),
            rows=tuple(slopes),
        ),
        Table(
            title=f"log10 of the mean squared gain, {powers.DEPTH} independent Gaussian layers",
            columns=("layers", "law", "measured"),
            rows=gaussian,
        ),
    )
