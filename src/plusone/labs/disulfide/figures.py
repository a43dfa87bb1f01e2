"""Figures of the chains, the folded networks and the nets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from plusone.labs.base import Figure, Runs
from plusone.labs.disulfide.chance import NUM_DRAWS
from plusone.labs.disulfide.measured import Measured, Pieces, array, number
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

NET_COLORS = {
    "none": ORANGE,
    "local": TEAL,
    "random places": PURPLE,
    "bonds": BLUE,
    "every layer": GREEN,
}


def figures(runs: Runs, pieces: Pieces, shown: Measured) -> tuple[Figure, ...]:
    """The chain `shown` with its bonds; all structures against their controls; the nets."""
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
            f" bars: {NUM_DRAWS:,} draws, 95 % of them. Right: test accuracy of a net of the "
            "chain's length over the gradient at its first node at the start, a point a seed.",
        ),
    )


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
