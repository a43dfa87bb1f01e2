"""The pictures: what trained under the predicted boundary, and the gradient at the start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from plusone.labs.base import Figure
from plusone.labs.base.extra import need
from plusone.labs.show.figures import BLUE, ORANGE, QUIET, Axes, draw
from plusone.theory import WINDOW

NUM_FINE = 41
# The cells are a picture of fixed colours, so what is drawn over them is too.
DARK, PALE = "#14171a", "#f3d9c4"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Over densities (rows) and depths (columns), means over seeds.

    `outline(depths, densities)` gives the predicted decades anywhere, for the boundary; `window` is
    the one that fits best.
    """

    depths: tuple[int, ...]
    densities: tuple[float, ...]
    accuracy: np.ndarray
    start: np.ndarray
    predicted: np.ndarray
    window: float
    outline: Callable[[Sequence[int], Sequence[float]], np.ndarray]


def figures(grid: Grid) -> tuple[Figure, ...]:
    """All pictures of the lab."""
    return (
        Figure(
            name="phases",
            title="What trained, and where the closed form draws the line",
            svg=draw(lambda axes: _phases(axes[0], grid), panel=(8.4, 4.2)),
            caption="Mean training accuracy of each cell's nets. Solid: where the typical gradient "
            f"leaves plusone's window of {WINDOW:g} decades; dashed: the window of "
            f"{grid.window:.1f} that fits best. Below it vanishes, above it explodes.",
        ),
        Figure(
            name="gradient",
            title="The closed form against the nets at the start, and what became of them",
            svg=draw(lambda axes: _gradient(axes, grid), panels=2),
            caption="Each point is a cell, averaged over seeds. The line is equality; the shaded "
            f"band is the window of {WINDOW:g} decades.",
        ),
    )


def _phases(axes: Axes, grid: Grid) -> None:
    rows, columns = len(grid.densities), len(grid.depths)
    colors = need("matplotlib.colors").LinearSegmentedColormap.from_list("fit", (PALE, BLUE))
    axes.imshow(grid.accuracy, origin="lower", aspect="auto", cmap=colors, vmin=0, vmax=1)
    for i in range(rows):
        for j in range(columns):
            value = grid.accuracy[i, j]
            ink = "#ffffff" if value > 0.55 else DARK
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=ink, fontsize=8.5)
    # Depths are columns of equal width: a finer depth lies between two of them by its logarithm.
    place = np.linspace(-0.5, columns - 0.5, NUM_FINE)
    logs = np.interp(place, range(columns), np.log(grid.depths))
    fine = np.unique(np.exp(logs).round().astype(int))
    x = np.interp(np.log(fine), np.log(grid.depths), range(columns))
    densities = np.linspace(0, 1, NUM_FINE)
    decades = grid.outline(fine.tolist(), densities.tolist())
    y = densities * (rows - 1)
    for window, style in ((WINDOW, "solid"), (grid.window, "dashed")):
        axes.contour(x, y, decades, levels=(-window, window), colors=DARK, linestyles=style)
    axes.set_xticks(range(columns), [f"{d}" for d in grid.depths])
    axes.set_yticks(range(rows), [f"{p:g}" for p in grid.densities])
    axes.grid(visible=False)
    axes.set(xlabel="blocks", ylabel="density of skips")


def _gradient(axes: Sequence[Axes], grid: Grid) -> None:
    left, right = axes
    predicted, start = grid.predicted.ravel(), grid.start.ravel()
    ends = (min(predicted.min(), start.min()), max(predicted.max(), start.max()))
    left.plot(ends, ends, color=QUIET, linewidth=1)
    left.plot(predicted, start, "o", color=BLUE)
    left.set(xlabel="decades, predicted", ylabel="decades, measured", title="Before training")
    right.axvspan(-WINDOW, WINDOW, color=QUIET, alpha=0.12, linewidth=0)
    right.plot(predicted, grid.accuracy.ravel(), "o", color=ORANGE)
    right.set(xlabel="decades, predicted", ylabel="training accuracy", title="After training")
    right.set(ylim=(0, 1.03))
