"""The pictures: accuracy over depth; energy, distance and gradient over the layers at the start."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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

_UNDERFLOW = 1e-30
Name = Callable[[str, int], str]
STYLES = {
    "plain": (ORANGE, "--"),
    "plain, orthogonal": (ORANGE, "-"),
    "residual": (PURPLE, "--"),
    "residual, orthogonal": (PURPLE, "-"),
    "scaled residual": (TEAL, "-"),
    "initial residual": (BLUE, "-"),
    "jumping knowledge": (GREEN, ":"),
    "pair norm": (PINK, ":"),
    "no edges, orthogonal": (QUIET, "--"),
}


def figures(runs: Runs, depths: Sequence[int], name: Name) -> tuple[Figure, ...]:
    """All pictures of the lab."""
    deepest = depths[-1]

    def paint(axes: Sequence[Axes]) -> None:
        accuracy, energy, distance, gradient = axes
        _accuracies(accuracy, runs, depths, name)
        _by_layer(energy, runs, name, deepest, "energies")
        energy.set(title="Energy over the layers", ylabel="relative Dirichlet energy")
        _by_layer(distance, runs, name, deepest, "distances")
        distance.set(title="Distance over the layers", ylabel="mean 1 - cos of two nodes")
        _by_layer(gradient, runs, name, deepest, "gradients")
        gradient.set(title="Gradient over the layers", ylabel="over that of the last layer")
        handles, labels = accuracy.get_legend_handles_labels()
        accuracy.figure.legend(handles, labels, loc="outside lower center", ncols=3)

    return (
        Figure(
            name="oversmoothing",
            title="Accuracy over depth, and what the layers do before training",
            svg=draw(paint, panels=4, panel=(4.2, 2.9)),
            caption="Top left: mean test accuracy and its range over seeds; the diamond is what "
            f"plusone.fix makes of the plain net of {deepest} layers. Others: nets of {deepest} "
            "layers at the start, medians over seeds. Where all nodes are parallel, float32 ends "
            "the lines near 1e-14.",
        ),
    )


def _accuracies(axes: Axes, runs: Runs, depths: Sequence[int], name: Name) -> None:
    names = {arm.name for arm in runs.arms}
    for method, (color, line) in STYLES.items():
        there = [depth for depth in depths if name(method, depth) in names]
        if there:
            found = np.stack([runs.of(name(method, depth), "accuracy") for depth in there], 1)
            axes.plot(there, found.mean(0), "o", linestyle=line, color=color, label=method)
            band(axes, there, found.min(0), found.max(0), color)
    repaired = float(runs.mean(name("plain, repaired", depths[-1]), "accuracy"))
    axes.plot(depths[-1], repaired, "D", color=ORANGE, markersize=7, label="plain, repaired")
    axes.set(title="Test accuracy over depth", xlabel="layers", ylabel="test accuracy")
    axes.set_xscale("log")
    axes.set_ylim(0, 1)
    ticks(axes, depths)


def _by_layer(axes: Axes, runs: Runs, name: Name, depth: int, key: str) -> None:
    names = {arm.name for arm in runs.arms}
    for method, (color, line) in STYLES.items():
        if name(method, depth) not in names:
            continue
        found = runs.of(name(method, depth), key)
        if key == "gradients":  # none where a head reads other layers and not the last
            found = found / np.where(found[:, -1:] > _UNDERFLOW, found[:, -1:], np.nan)
        middle = np.maximum(np.median(found, axis=0), 1e-16)
        axes.semilogy(range(depth + 1), middle, linestyle=line, color=color, linewidth=1.4)
    axes.set(xlabel="layer")
