"""The pictures: training error over depth, and the loss while the shallowest and deepest train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plusone.labs.base import Figure, Runs
from plusone.labs.show.figures import GREEN, PLAIN, RESIDUAL, Axes, band, draw, ticks

COLORS = {"plain": PLAIN, "residual": RESIDUAL}


def figures(
    runs: Runs, names: Mapping[str, Sequence[str]], num_blocks: Sequence[int], constructed: str
) -> tuple[Figure, ...]:
    """All pictures of the lab; `names` are the arms of each form by depth."""

    def paint(axes: Sequence[Axes]) -> None:
        left, right = axes
        _errors(left, runs, names, num_blocks, constructed)
        _losses(right, runs, names, num_blocks, constructed)

    return (
        Figure(
            name="degradation",
            title="Training error over depth, and how the loss falls",
            svg=draw(paint, panels=2),
            caption="Left: means over seeds and their range, each net at its best setting. Right: "
            "training loss, means over seeds; thin lines are the shallowest nets. Green: the "
            "deepest plain net, from the trained shallowest one with identity layers.",
        ),
    )


def _errors(
    axes: Axes,
    runs: Runs,
    names: Mapping[str, Sequence[str]],
    num_blocks: Sequence[int],
    constructed: str,
) -> None:
    for form, of_form in names.items():
        found = 100 * np.stack([runs.of(name, "error") for name in of_form], 1)
        axes.plot(num_blocks, found.mean(0), "o-", color=COLORS[form], label=form)
        band(axes, num_blocks, found.min(0), found.max(0), COLORS[form])
    onward = 100 * float(runs.mean(constructed, "trained on"))
    axes.plot(num_blocks[-1], onward, "D", color=GREEN, label="plain, from identity layers")
    ticks(axes, num_blocks)
    axes.set(title="After training", xlabel="blocks", ylabel="training error (%)")
    axes.legend(loc="upper left")


def _losses(
    axes: Axes,
    runs: Runs,
    names: Mapping[str, Sequence[str]],
    num_blocks: Sequence[int],
    constructed: str,
) -> None:
    steps = int(runs.arms[0].options["steps"])
    lines = [
        (of_form[end], COLORS[form], width, f"{form}, {num_blocks[end]} blocks")
        for form, of_form in names.items()
        for end, width in ((0, 0.9), (-1, 2.0))
    ]
    lines.append((constructed, GREEN, 2.0, "from identity layers"))
    for name, color, width, label in lines:
        curve = runs.mean(name, "curve")
        middle = (np.arange(len(curve)) + 0.5) * steps / len(curve)
        axes.plot(middle, curve, color=color, linewidth=width, label=label)
    axes.set(title="During training", xlabel="step", ylabel="training loss", yscale="log")
    axes.set_ylim(top=30 * axes.get_ylim()[1])  # room for the legend
    axes.legend()
