"""The pictures: scores and path lengths over levels, frequencies, and one segmented picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plusone.labs.base import Figure, Runs
from plusone.labs.show.figures import (
    GREEN,
    PINK,
    PLAIN,
    PURPLE,
    QUIET,
    RESIDUAL,
    TEAL,
    Axes,
    band,
    draw,
    ticks,
)
from plusone.labs.unet.bands import NUM_BINS
from plusone.labs.unet.claim import HIGH, LOW
from plusone.labs.unet.names import (
    DEEPEST,
    ENCODER_DECODER,
    ITS_REPAIR,
    LONGER,
    REPAIRED,
    WIDE,
    levels_of,
    name_of,
)

COLORS = {"all": RESIDUAL, "none": PLAIN}
LABELS = {"all": "all skips", "none": "no skips"}
OTHERS = {
    name_of("finest", DEEPEST): ("finest skip alone", "D", GREEN),
    name_of("coarsest", DEEPEST): ("coarsest skip alone", "v", PURPLE),
    WIDE: ("none, 2.2 times the parameters", "s", PINK),
    REPAIRED: ("repaired by plusone.fix", "P", TEAL),
    LONGER: ("none, five times the steps", "^", PLAIN),
    ENCODER_DECODER: ("torch's layers, no skips", "X", QUIET),
    ITS_REPAIR: ("the same, repaired", "*", QUIET),
}


def figures(runs: Runs, shortest: Mapping[str, np.ndarray]) -> tuple[Figure, ...]:
    """All pictures; `shortest` are the layers on the shortest path over levels."""

    levels = levels_of(runs)

    def over_levels(axes: Sequence[Axes]) -> None:
        _scores(axes[0], runs, "iou", "IoU")
        _scores(axes[1], runs, "boundary", "boundary F1")
        for kept, label in LABELS.items():
            axes[2].plot(levels, shortest[kept], "o-", color=COLORS[kept], label=label)
        axes[2].set(title="Shortest path", xlabel="levels", ylabel="layers", ylim=(0, 25))
        ticks(axes[2], levels)
        axes[2].legend(loc="upper left")

    def frequencies(axes: Sequence[Axes]) -> None:
        _spectra(axes[0], runs)
        _selectivity(axes[1], runs)
        _removal(axes[2], runs)

    return (
        Figure(
            name="levels",
            title="Scores and path lengths over the levels",
            svg=draw(over_levels, panels=3, columns=3, panel=(3.2, 5.2)),
            caption="Means over seeds and their range, on held-out pictures; all nets of a depth "
            "but the wide one have the same number of parameters. Right: from the first "
            "convolution to the last.",
        ),
        Figure(
            name="frequencies",
            title="What passes over the skips and over the deep path, four levels, trained",
            svg=draw(frequencies, panels=3, columns=3, panel=(3.2, 3.3)),
            caption="Left: radial power of what meets at the finest join (the deep path there "
            f"holds the coarser skips too, and rises at 0.5 by the checkerboard of its transposed "
            "convolution). Middle: power of the output's response to noise above "
            f"{HIGH[0]:g} cycles a pixel over that to noise below {LOW[1]:g}; deep: the lowest "
            "resolution alone. Right: loss of IoU when the finest join lacks a band.",
        ),
        Figure(
            name="example",
            title="One held-out picture",
            svg=draw(lambda axes: _example(axes, runs), panels=4, columns=4, panel=(2.4, 2.6)),
            caption="A corner of the first held-out picture, first seed, four levels.",
        ),
    )


def _scores(axes: Axes, runs: Runs, key: str, label: str) -> None:
    levels = levels_of(runs)
    for kept, name in LABELS.items():
        found = np.stack([runs.of(name_of(kept, n), key) for n in levels], 1)
        axes.plot(levels, found.mean(0), "o-", color=COLORS[kept], label=name)
        band(axes, levels, found.min(0), found.max(0), COLORS[kept])
    there = {arm.name for arm in runs.arms}
    shown = [(name, style) for name, style in OTHERS.items() if name in there]
    for at, (name, (text, marker, color)) in enumerate(shown):
        x = DEEPEST + 0.12 * (at + 1)
        axes.plot(x, float(runs.mean(name, key)), marker, color=color, label=text, linestyle="")
    axes.set(title=label, xlabel="levels", ylim=(0, 1))
    ticks(axes, levels)
    if key == "iou":
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=8)


def _spectra(axes: Axes, runs: Runs) -> None:
    spectra = runs.mean(name_of("all", DEEPEST), "spectra")
    middle = (np.arange(NUM_BINS) + 0.5) / (2 * NUM_BINS)
    for row, (label, color) in enumerate(
        (("input", QUIET), ("finest skip", RESIDUAL), ("deep path", PLAIN))
    ):
        axes.semilogy(middle, spectra[row], "o-", color=color, label=label)
    axes.set(title="Spectra", xlabel="cycles a pixel", ylabel="share of the power")
    axes.legend()


def _selectivity(axes: Axes, runs: Runs) -> None:
    found = runs.of(name_of("all", DEEPEST), "selectivity")
    labels, colors = ("deep", "skips", "both"), (PLAIN, RESIDUAL, TEAL)
    axes.bar(labels, found.mean(0), color=colors, alpha=0.6)
    for at in range(3):
        axes.plot([at] * len(found), found[:, at], "o", color=colors[at])
    axes.axhline(1, color=QUIET, linewidth=1)
    axes.set(title="High over low band", ylabel="ratio of powers", yscale="log")


def _removal(axes: Axes, runs: Runs) -> None:
    found = runs.of(name_of("all", DEEPEST), "lost").reshape(-1, 2, 2)
    for of, (label, color) in enumerate((("finest skip", RESIDUAL), ("deep path", PLAIN))):
        x = np.arange(2) + (of - 0.5) * 0.4
        axes.bar(x, found[:, of].mean(0), 0.38, color=color, alpha=0.6, label=f"of the {label}")
        for row in found[:, of]:
            axes.plot(x, row, "o", color=color)
    axes.set_xticks((0, 1), ("without low", "without high"))
    axes.set(title="A band removed", ylabel="IoU lost")
    axes.legend()


def _example(axes: Sequence[Axes], runs: Runs) -> None:
    whole, bare = (runs.of(name_of(kept, DEEPEST), "example")[0] for kept in LABELS)
    panels = (
        ("picture", whole[0]),
        ("wanted", whole[1]),
        ("all skips", whole[2]),
        ("no skips", bare[2]),
    )
    for panel, (title, image) in zip(axes, panels, strict=True):
        panel.imshow(image, cmap="gray", interpolation="nearest")
        panel.set(title=title, xticks=(), yticks=())
        panel.grid(visible=False)
