"""What the runs of `measure.py` say of the claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plusone.labs.base import Conclusion, Figure, Lab, Run, Runs, Table
from plusone.labs.base.effects import effect
from plusone.labs.loss_surface.claim import CLAIM, LEVEL
from plusone.labs.loss_surface.figures import curvature, planes, slices
from plusone.labs.loss_surface.measure import NETS, measure, plan

DEPTHS = ("shallow", "deep")
MOMENTS = ("start", "level", "end")


def at(runs: Runs, arm: str, moment: str, key: str) -> np.ndarray:
    """A number of one moment, [seeds]."""
    return np.asarray([float(_moment(run, moment)[key]) for run in runs if run.arm.name == arm])


def _moment(run: Run, moment: str) -> Mapping[str, float]:
    found = run.numbers[moment]
    assert isinstance(found, Mapping)
    return found


def conclude(runs: Runs) -> Conclusion:
    def gap(key: str, *, depth: str = "deep") -> np.ndarray:
        plain, residual = (at(runs, f"{depth} {net}", "level", key) for net in NETS)
        difference: np.ndarray = plain - residual
        return difference

    losses = [at(runs, f"deep {net}", "level", "loss") for net in NETS]
    sharpness = [np.log10(at(runs, f"deep {net}", "level", "largest")) for net in NETS]
    negative = [runs.of(f"deep {net}", "negative") for net in NETS]
    turns = [at(runs, f"deep {net}", "level", "turns") for net in NETS]
    every = [at(runs, a.name, moment, "converged") for a in runs.arms for moment in MOMENTS]
    measured: dict[str, Sequence[float]] = {
        "turns": list(gap("turns")),
        "nonconvex": list(gap("nonconvex")),
        "plane": list(negative[0] - negative[1]),
        "sharpness": list(sharpness[0] - sharpness[1]),
        "equal-loss": list(2 * (losses[0] - losses[1]) / (losses[0] + losses[1])),
        "converged": [float(np.mean(every))],
        "shallow-turns": list(gap("turns", depth="shallow")),
        "running": list(turns[0] - runs.of("deep plain", "running turns")),
    }
    means = {key: float(np.mean(values)) for key, values in measured.items()}
    reading = (
        f"At a training loss of {losses[0].mean():.2f} a slice through the deep plain net turns "
        f"{turns[0].mean():.1f} times, one through its residual twin {turns[1].mean():.1f} times "
        f"(1 is a single valley), and {100 * negative[0].mean():.0f} % against "
        f"{100 * negative[1].mean():.0f} % of the plane has a direction of negative curvature. The "
        f"largest eigenvalue of the Hessian there differs by a factor of "
        f"{10 ** means['sharpness']:.2g} (plain over residual). At the smaller depth the turns "
        f"differ by {means['shallow-turns']:.1f}. With running statistics in place of the batch's "
        f"{means['running']:.1f} turns of the plain net are not seen."
    )
    return Conclusion(
        measured=measured,
        reading=reading,
        effects=(
            effect("turns at equal loss", ("plain", list(turns[0])), ("residual", list(turns[1]))),
            effect(
                "log10 of the largest eigenvalue at equal loss",
                ("plain", list(sharpness[0])),
                ("residual", list(sharpness[1])),
            ),
        ),
        figures=(
            Figure(
                name="planes",
                title="The plane of two directions at equal loss",
                svg=planes(runs),
                caption=f"Filter-normalised random directions from where the training loss was "
                f"{LEVEL}, deep nets, first seed. Lines of equal loss.",
            ),
            Figure(
                name="slices",
                title="Slices at equal loss",
                svg=slices(runs),
                caption="Three directions, first seed; a step of 1 is as long as the weights.",
            ),
            Figure(
                name="curvature",
                title="Curvature over training",
                svg=curvature(runs, at),
                caption="Largest eigenvalue of the Hessian at the start, at equal loss and at the "
                "end: mean and range over seeds. Right: spectral density at equal loss, one seed.",
            ),
        ),
        tables=(_table(runs),),
    )


def _table(runs: Runs) -> Table:
    keys = ("loss", "turns", "nonconvex", "largest", "smallest")
    rows: list[tuple[str | float, ...]] = [
        (arm.name, moment, *(float(at(runs, arm.name, moment, key).mean()) for key in keys))
        for arm in runs.arms
        for moment in MOMENTS
    ]
    return Table(
        title="Means over seeds",
        columns=("net", "moment", "loss", "turns", "non-convex", "largest", "smallest"),
        rows=tuple(rows),
    )


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
