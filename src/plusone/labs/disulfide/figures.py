"""Figures and tables of the chains, the folded networks and the nets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from plusone.labs.base import Figure, Runs, Table
from plusone.labs.disulfide.hosts import NUMBERS
from plusone.labs.disulfide.measured import Measured, Pieces, array, num_bonds, number
from plusone.labs.show.figures import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    QUIET,
    TEAL,
    Axes,
    draw,
)
from plusone.report.numerals import UNMEASURED

NET_COLORS = {
    "none": ORANGE,
    "local": TEAL,
    "random places": PURPLE,
    "bonds": BLUE,
    "every layer": GREEN,
}


def figures(runs: Runs, pieces: Pieces) -> tuple[Figure, ...]:
    """One chain with its bonds; all structures against their controls; the nets."""
    shown = max(pieces, key=lambda p: str(p["name"]).startswith(_shown(runs)))
    return (
        Figure(
            name="chain",
            title=f"{shown['name']}: motion along the chain",
            svg=draw(lambda axes: _chain(axes, shown), panels=2, panel=(4.4, 3.4)),
            caption="Left: mean square fluctuation of each residue of the unfolded chain; arcs are "
            "the disulfide bonds. Right: of the folded network, beside the B factors of the "
            "crystal, each over its mean.",
        ),
        Figure(
            name="controls",
            title="Bonds against their controls",
            svg=draw(lambda axes: _controls(axes, runs, pieces), panels=2, panel=(4.4, 3.4)),
            caption="Left: fluctuation of the unfolded chain over that without bonds, by structure;"
            " bars: 200 draws, 95 % of them. Right: test accuracy of a net of the chain's length "
            "over the gradient at its first node at the start, a point for each seed.",
        ),
    )


def _shown(runs: Runs) -> str:
    entry = str(next(arm for arm in runs.arms if arm.name == "hosts").options["entry"])
    return entry.rpartition("/")[2].split(".")[0]


def _chain(axes: Sequence[Axes], piece: Measured) -> None:
    left, right = axes
    bare, bonded = array(piece, "profile")
    residue = np.arange(1, len(bare) + 1)
    left.plot(residue, bare, color=ORANGE, label="no bonds")
    left.plot(residue, bonded, color=BLUE, label="its bonds")
    low = -0.42 * float(bare.max())
    bonds = array(piece, "bond list")
    widest = float(np.diff(bonds, axis=1).max())
    for i, j in bonds + 1:
        turn = np.linspace(0, math.pi, 60)
        x = (i + j) / 2 + (i - j) / 2 * np.cos(turn)
        left.plot(x, low * 0.95 * np.sin(turn) * (j - i) / widest, color=PURPLE, linewidth=1.2)
    left.axhline(0, color=QUIET, linewidth=0.8)
    left.set(title="Unfolded", xlabel="residue", ylabel="fluctuation", ylim=(low, None))
    left.set_yticks([tick for tick in left.get_yticks() if 0 <= tick <= bare.max() * 1.05])
    left.legend(loc="upper center")
    network = array(piece, "folded profile")
    b = array(piece, "b factors")
    right.plot(residue, network / network.mean(), color=BLUE, label="network")
    if np.isfinite(b).all() and b.mean() > 0:
        right.plot(residue, b / b.mean(), color=QUIET, label="B factors")
    right.set(title="Folded", xlabel="residue", ylabel="over the mean")
    right.set_ylim(0, None)
    right.legend()


def _controls(axes: Sequence[Axes], runs: Runs, pieces: Pieces) -> None:
    left, right = axes
    place = np.arange(len(pieces))
    for key, label, color, shift in (
        ("local", "as many local", TEAL, 0.15),
        ("random", "spans at random places", PURPLE, -0.15),
    ):
        draws = [array(p, key) for p in pieces]
        mean = np.array([d.mean() for d in draws])
        ends = np.array([np.quantile(d, (0.025, 0.975)) for d in draws])
        left.errorbar(
            mean,
            place + shift,
            xerr=np.abs(ends.T - mean),
            fmt="o",
            color=color,
            label=label,
            linewidth=1.2,
        )
    left.plot([number(p, "bonds") for p in pieces], place, "D", color=BLUE, label="its bonds")
    left.set_yticks(place, [str(p["name"]) for p in pieces])
    left.set_ylim(len(pieces) - 0.4, -0.6)
    left.set(title="Unfolded motion over the bare chain's", xlim=(0, 1.05))
    left.legend(loc="upper center", bbox_to_anchor=(0.4, -0.1), ncols=3, fontsize=8)
    for arm in runs.arms:
        if arm.name.startswith("net: "):
            name = arm.name.removeprefix("net: ")
            x = 10.0 ** runs.of(arm, "start")
            right.semilogx(x, runs.of(arm, "test"), "o", color=NET_COLORS[name], label=name)
    right.set(title="Nets with these skips", xlabel="gradient at the first node over the last")
    right.set(ylabel="test accuracy", ylim=(0, 1.03))
    right.legend(loc="center left")


def tables(runs: Runs, pieces: Pieces) -> tuple[Table, ...]:
    """By structure; by net; the same numbers of a network, a grid hierarchy and a protein."""
    rows: list[tuple[str | float, ...]] = []
    for p in pieces:
        head = (str(p["name"]), number(p, "residues"), float(num_bonds(p)))
        b = number(p, "b correlation")
        if not num_bonds(p):
            rows.append((*head, *[UNMEASURED] * 11, b if math.isfinite(b) else UNMEASURED))
            continue
        random, local, value = array(p, "random"), array(p, "local"), number(p, "bonds")
        paths, loops, change = (array(p, key) for key in ("paths", "loops", "folded change"))
        rows.append(
            (
                *head,
                value,
                float(random.mean()),
                _p_value(value, random),
                _p_value(value, local),
                *map(float, paths[:2]),
                *map(float, loops),
                *map(float, change),
                b if math.isfinite(b) else UNMEASURED,
            )
        )
    hosts = next(run.numbers for run in runs if run.arm.name == "hosts")
    names, numbers = hosts["names"], hosts["numbers"]
    assert isinstance(names, list)
    assert isinstance(numbers, list)
    nets: tuple[tuple[str | float, ...], ...] = tuple(
        (
            arm.name.removeprefix("net: "),
            *(float(runs.mean(arm, key)) for key in ("predicted", "start", "train", "test")),
        )
        for arm in runs.arms
        if arm.name.startswith("net: ")
    )
    return (
        Table(
            title="By chain. p: share of the draws whose motion is at most that with the bonds; "
            "loops: entropy that the bonds take, kcal/mol at 298 K, together and one by one; "
            "folded: relative change of motion by bonds of ten contacts' springs, at cysteines "
            "also of one",
            columns=(
                "chain",
                "residues",
                "bonds",
                "motion",
                "random places",
                "p, random",
                "p, local",
                "mean path, bare",
                "with bonds",
                "loops",
                "one by one",
                "folded",
                "at cysteines",
                "a contact's spring",
                "B correlation",
            ),
            rows=tuple(rows),
        ),
        Table(
            title="A net of the chain's length, by its skips: decades of the gradient at the start",
            columns=("skips", "forecast", "measured", "training accuracy", "test accuracy"),
            rows=nets,
        ),
        Table(
            title="One graph code: log10 of the number of paths, resistance from end to end, "
            "smallest cut, decades of the gradient with branches of second moment 1/2",
            columns=("graph", *NUMBERS),
            rows=tuple(
                (str(name), *map(float, row)) for name, row in zip(names, numbers, strict=True)
            ),
        ),
    )


def _p_value(value: float, draws: np.ndarray) -> float:
    """One-sided, by permutation: (1 + draws at most as large) / (1 + draws)."""
    return float((1 + (draws <= value).sum()) / (1 + len(draws)))
