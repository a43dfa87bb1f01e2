"""The pictures: the generator's gradient during training, what was covered, and samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plusone.labs.base import Figure, Runs
from plusone.labs.show.figures import (
    BLUE,
    GREEN,
    ORANGE,
    PINK,
    PURPLE,
    QUIET,
    TEAL,
    Axes,
    band,
    draw,
    ticks,
)

COLORS = {
    "plain": (ORANGE, "-"),
    "residual": (BLUE, "-"),
    "plain, spectral norm": (PURPLE, "-"),
    "residual, spectral norm": (TEAL, "-"),
    "plain, He": (GREEN, "-"),
    "plain, repaired by plusone.fix": (PINK, "--"),
    "plain, 2 blocks": (QUIET, "--"),
}


def figures(runs: Runs, floor: float) -> tuple[Figure, ...]:
    """All pictures of the lab."""
    there = {arm.name for arm in runs.arms}
    names, steps = [n for n in COLORS if n in there], int(runs.arms[0].options["steps"])

    def paint(axes: Sequence[Axes]) -> None:
        left, right = axes
        for name in names:
            color, line = COLORS[name]
            found = np.maximum(runs.of(name, "gradients"), floor)
            x = (np.arange(found.shape[1]) + 0.5) * steps / found.shape[1]
            left.semilogy(x, np.median(found, 0), linestyle=line, color=color, label=name)
            band(left, x, found.min(0), found.max(0), color)
            right.semilogx(
                runs.of(name, "distance"), runs.of(name, "modes"), "o", color=color, alpha=0.8
            )
        left.set(title="The generator's gradient", xlabel="step", ylabel="norm")
        right.set(
            title="After training, by seed", xlabel="Frechet distance", ylabel="digits covered"
        )
        right.set_ylim(-0.5, 10.5)
        ticks(right, (10, 30, 100, 300, 1000))
        handles, labels = left.get_legend_handles_labels()
        left.figure.legend(handles, labels, loc="outside lower center", ncols=3)

    def samples(axes: Sequence[Axes]) -> None:
        for panel, name in zip(axes, names, strict=True):
            made = runs.of(name, "samples")[0]
            side = round(made.shape[1] ** 0.5)
            rows = made.reshape(2, 5, side, side)
            sheet = np.pad(rows, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=made.min())
            sheet = sheet.transpose(0, 2, 1, 3).reshape(2 * (side + 2), 5 * (side + 2))
            panel.imshow(sheet, cmap="Greys", interpolation="nearest")
            panel.set(title=name, xticks=[], yticks=[])
            panel.grid(visible=False)

    return (
        Figure(
            name="gan",
            title="The generator's gradient, and what it comes to",
            svg=draw(paint, panels=2),
            caption="Left: medians over stretches of training and seeds, with the range over "
            "seeds. Right: each seed's generator.",
        ),
        Figure(
            name="samples",
            title="Ten pictures of each generator, first seed",
            svg=draw(samples, panels=len(names), panel=(2.6, 1.4), columns=3),
        ),
    )
