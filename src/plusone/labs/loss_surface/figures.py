"""Pictures of planes, slices and spectra."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from plusone.labs.base import Runs
from plusone.labs.loss_surface.measure import NETS
from plusone.labs.show.figures import PLAIN, RESIDUAL, Axes, draw

COLORS = {"plain": PLAIN, "residual": RESIDUAL}
Read = Callable[[Runs, str, str, str], np.ndarray]


def planes(runs: Runs) -> str:
    """Lines of equal loss over the plane, plain and residual."""

    def paint(axes: Sequence[Axes]) -> None:
        for panel, net in zip(axes, NETS, strict=True):
            losses = runs.of(f"deep {net}", "plane")[0]
            side = np.linspace(-1, 1, len(losses))
            levels = np.geomspace(max(np.nanmin(losses), 1e-3), np.nanmax(losses), 14)
            panel.contour(side, side, losses, levels=levels, colors=COLORS[net], linewidths=0.9)
            panel.plot(0, 0, "+", color=COLORS[net])
            panel.set(title=f"deep {net}", aspect="equal", xlabel="first direction")
        axes[0].set(ylabel="second direction")

    return draw(paint, panels=2, panel=(3.6, 3.5))


def slices(runs: Runs) -> str:
    """The loss along four directions for each net, on one scale a depth."""

    def paint(axes: Sequence[Axes]) -> None:
        names = [f"{depth} {net}" for depth in ("shallow", "deep") for net in NETS]
        for panel, name in zip(axes, names, strict=True):
            found = runs.of(name, "slices")[0]
            steps = np.linspace(-1, 1, found.shape[1])
            panel.plot(steps, found.T, color=COLORS[name.split()[1]], linewidth=1.2)
            panel.set(title=name, yscale="log", xlabel="step along the direction")
        axes[0].set(ylabel="loss")
        axes[2].set(ylabel="loss")

    return draw(paint, panels=4, panel=(3.8, 2.5))


def curvature(runs: Runs, at: Read) -> str:
    """Largest eigenvalue by moment, and the spectral density of the deep nets."""

    def paint(axes: Sequence[Axes]) -> None:
        left, right = axes
        for net in NETS:
            values = np.stack(
                [at(runs, f"deep {net}", m, "largest") for m in ("start", "level", "end")]
            )
            mean = values.mean(1)
            spread = np.abs(np.stack([values.min(1), values.max(1)]) - mean)
            left.errorbar(range(3), mean, spread, fmt="o-", capsize=3, color=COLORS[net], label=net)
            grid, density = (runs.of(f"deep {net}", key)[0] for key in ("grid", "density"))
            right.plot(grid, density, color=COLORS[net], label=net)
        left.set(title="Largest eigenvalue, deep nets", yscale="log")
        left.set_xticks(range(3), ("start", "equal loss", "end"))
        left.legend()
        right.set(title="Spectral density, deep nets", yscale="log", xlabel="eigenvalue")
        right.set_ylim(bottom=1e-5)
        right.legend()

    return draw(paint, panels=2, panel=(4.2, 3.0))
