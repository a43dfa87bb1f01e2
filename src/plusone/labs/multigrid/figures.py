"""Figures and tables of the factors, the frequencies, the parts and the training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plusone.labs.base import Arm, Figure, Runs, Table
from plusone.labs.multigrid.factors import JACOBI
from plusone.labs.multigrid.grids import NUM_CYCLES, PARTS, forecast
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


def grids_of(runs: Runs) -> list[Arm]:
    """The arms of the grids, from the smallest."""
    return [arm for arm in runs.arms if "side" in arm.options]


def figures(runs: Runs) -> tuple[Figure, ...]:
    """Factors over the grid, damping by frequency; errors without a part, with f and without."""
    return (
        Figure(
            name="factors",
            title="Factors over the grid, and damping by frequency",
            svg=draw(lambda axes: _factors(axes, runs), panels=2, panel=(4.4, 3.4)),
            caption="Left: convergence factor a cycle (spectral radius), mean and range over "
            "seeds; trained on 31 x 31. Right: damping of the mode (p, p) of a grid of 31 x 31 "
            "points by one Jacobi sweep (points: theory) and by a V(1,1) cycle.",
        ),
        Figure(
            name="parts",
            title="Without a part",
            svg=draw(lambda axes: _parts(axes, runs), panels=2, panel=(4.2, 3.2)),
            caption="Relative error over cycles, V(2,2), mean and range over seeds. Left: A u = f "
            "with a known u. Right: f = 0, where the net that forgets u seems to converge.",
        ),
    )


def _factors(axes: Sequence[Axes], runs: Runs) -> None:
    left, right = axes
    grids = grids_of(runs)
    sides = [int(arm.options["side"]) for arm in grids]
    classical = np.stack([runs.of(arm, "factors") for arm in grids], 1)
    lines = (
        ("V(1,1), Jacobi", classical[:, :, 0], ORANGE),
        ("V(2,2), Jacobi", classical[:, :, 1], BLUE),
        ("V(1,1), smoothers trained", runs.of("trained", "smoothers"), GREEN),
        ("... and transfers trained", runs.of("trained", "transfers"), PURPLE),
    )
    for name, found, color in lines:
        left.loglog(sides, found.mean(0), "o-", color=color, label=name)
        band(left, sides, found.min(0), found.max(0), color)
    amg = np.stack([runs.of(arm, "amg") for arm in grids], 1)[:, :, 0]
    if np.isfinite(amg).any():
        shown = np.isfinite(amg).all(0)
        left.loglog(
            np.asarray(sides)[shown],
            amg.mean(0)[shown],
            "s--",
            color=TEAL,
            label="PyAMG, Ruge-Stuben",
        )
    left.axhline(1.0, color=QUIET, linewidth=0.8)
    left.set(title="Factor a cycle", xlabel="points a side", ylabel="factor", ylim=(0.02, 20))
    ticks(left, sides)
    left.legend(loc="upper left", fontsize=8)
    sweep, theory, cycle = (runs.of("modes", key)[0] for key in ("sweep", "theory", "cycle"))
    number = np.arange(1, len(sweep) + 1)
    right.plot(number, sweep, color=ORANGE, label="one Jacobi sweep")
    right.plot(number[::3], theory[::3], "o", color=ORANGE)
    right.plot(number, cycle, color=BLUE, label="one V(1,1) cycle")
    right.set(title="Damping by frequency", xlabel="mode p", ylabel="|after| / |before|")
    right.set_ylim(0, 1.05)
    right.legend(loc="upper right")


def _parts(axes: Sequence[Axes], runs: Runs) -> None:
    number = np.arange(NUM_CYCLES + 1)
    for panel, key, title in zip(axes, ("errors", "f = 0"), ("f not zero", "f = 0"), strict=True):
        for part, color in zip(PARTS, (BLUE, ORANGE, PURPLE), strict=True):
            found = runs.of(part, key)
            panel.semilogy(number, found.mean(0), "o-", color=color, label=part)
            band(panel, list(number), found.min(0), found.max(0), color)
        panel.set(title=title, xlabel="cycles")
    axes[0].set_ylabel("relative error")
    axes[0].legend(loc="lower left")


def tables(runs: Runs) -> tuple[Table, ...]:
    """By grid: factors, PyAMG's, Jacobi's sweeps, cycles, operations and time."""
    rows: list[tuple[str | float, ...]] = []
    smoothers, transfers = (runs.mean("trained", key) for key in ("smoothers", "transfers"))
    for place, arm in enumerate(grids_of(runs)):
        side = int(arm.options["side"])
        once, twice = runs.mean(arm, "factors")
        ruge, aggregated = runs.mean(arm, "amg")
        rows.append(
            (
                arm.name,
                float(once),
                float(twice),
                float(ruge),
                float(aggregated),
                float(smoothers[place]),
                float(transfers[place]),
                forecast(side),
                float(runs.mean(arm, "cycles")),
                float(runs.mean(arm, "operations")),
                float(runs.mean(arm, "microseconds")),
            )
        )
    return (
        Table(
            title=f"By grid, with sweeps of weight {JACOBI} (trained ones of 3 x 3 kernels, which "
            "cost more): factors, Jacobi sweeps and V(2,2) cycles to 1e-8, operations of one of "
            "them and microseconds of all a point",
            columns=(
                "points",
                "V(1,1)",
                "V(2,2)",
                "PyAMG, R-S",
                "PyAMG, SA",
                "smoothers trained",
                "transfers too",
                "sweeps",
                "cycles",
                "operations",
                "microseconds",
            ),
            rows=tuple(rows),
        ),
    )
