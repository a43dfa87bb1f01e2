"""The pictures: what the latent holds over the skip's width, the remedies, and reconstructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plusone.labs.base import Figure, Runs
from plusone.labs.posterior_collapse.claim import COLLAPSED
from plusone.labs.posterior_collapse.names import REMEDIES, WIDEST, name_of, widths_of
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


def figures(runs: Runs, kept: Mapping[str, np.ndarray]) -> tuple[Figure, ...]:
    """All pictures; `kept` is each arm's information over that without a skip, by seed."""

    def over_width(axes: Sequence[Axes]) -> None:
        _nats(axes[0], runs)
        _units(axes[1], runs)
        _predicted(axes[2], runs, kept)

    def remedies(axes: Sequence[Axes]) -> None:
        _shares(axes[0], runs, kept)

    return (
        Figure(
            name="width",
            title="What the latent holds over the width of the skip",
            svg=draw(over_width, panels=3, columns=3, panel=(3.2, 3.4)),
            caption="Means over seeds and their range, held-out pictures. Right: information after "
            "training over B before it, a point for each net; crosses are those of which S107 "
            "warned, and below the line a latent counts as collapsed.",
        ),
        Figure(
            name="remedies",
            title=f"What keeps the latent with {WIDEST} numbers skipped",
            svg=draw(remedies, panels=1, panel=(7.4, 3.4)),
            caption="Over what it is without a skip; dots are seeds. Use is what another picture's "
            "latent costs, with the skip there: free bits bring back the KL and not that.",
        ),
        Figure(
            name="pictures",
            title="Pictures, reconstructions, and those with another picture's latent",
            svg=draw(lambda axes: _pictures(axes, runs), panels=2, columns=2, panel=(4.2, 2.9)),
            caption="First seed. Where the latent holds nothing, another's changes nothing.",
        ),
    )


def _nats(axes: Axes, runs: Runs) -> None:
    widths = widths_of(runs)
    at = range(len(widths))
    for key, label, color in (
        ("divergence", "KL", BLUE),
        ("information", "information", GREEN),
    ):
        found = np.stack([runs.of(name_of(k), key) for k in widths], 1)
        axes.plot(at, found.mean(0), "o-", color=color, label=label)
        band(axes, list(at), found.min(0), found.max(0), color)
    axes.set_xticks(at, [str(k) for k in widths])
    axes.set(title="Nats in the latent", xlabel="numbers skipped", ylim=(0, None))
    axes.legend()


def _units(axes: Axes, runs: Runs) -> None:
    widths = widths_of(runs)
    at = range(len(widths))
    found = np.stack([runs.of(name_of(k), "active") for k in widths], 1)
    axes.plot(at, found.mean(0), "o-", color=PURPLE)
    band(axes, list(at), found.min(0), found.max(0), PURPLE)
    axes.set_xticks(at, [str(k) for k in widths])
    axes.set(title="Active units of 10", xlabel="numbers skipped", ylim=(0, 10.4))


def _predicted(axes: Axes, runs: Runs, kept: Mapping[str, np.ndarray]) -> None:
    names = [name_of(k) for k in widths_of(runs)]
    share = np.concatenate([runs.of(name, "share") for name in names])
    fires = np.concatenate([runs.of(name, "fires") for name in names]) > 0
    share_kept = np.concatenate([kept[name] for name in names])
    axes.plot(share[~fires], share_kept[~fires], "o", color=BLUE, label="no finding")
    axes.plot(share[fires], share_kept[fires], "x", color=ORANGE, label="S107")
    axes.axhline(COLLAPSED, color=QUIET, linewidth=1)
    axes.axvline(0.9, color=QUIET, linewidth=1, linestyle="--")
    axes.set(title="Told beforehand", xlabel="B before training", ylabel="information kept")
    ticks(axes, (0, 0.25, 0.5, 0.75, 0.9))
    axes.legend(loc="lower left")


def _shares(axes: Axes, runs: Runs, kept: Mapping[str, np.ndarray]) -> None:
    bare, names = name_of(0), (name_of(WIDEST), *REMEDIES)
    rows = np.arange(len(names))
    for offset, (key, label, color) in enumerate(
        (
            ("divergence", "KL", BLUE),
            ("information", "information", GREEN),
            ("swapped", "use", TEAL),
        )
    ):
        values = [
            kept[name] if key == "information" else runs.of(name, key) / runs.of(bare, key)
            for name in names
        ]
        y = rows + (offset - 1) * 0.26
        axes.barh(y, [v.mean() for v in values], 0.24, color=color, alpha=0.6, label=label)
        for height, seeds in zip(y, values, strict=True):
            axes.plot(seeds, [height] * len(seeds), ".", color=color)
    axes.set_yticks(rows, [name.removeprefix(f"{WIDEST} skipped, ") for name in names])
    axes.invert_yaxis()
    axes.axvline(1, color=QUIET, linewidth=1)
    axes.set_xlabel("over that without a skip (use: what another picture's latent costs)")
    axes.legend(loc="upper right")


def _pictures(axes: Sequence[Axes], runs: Runs) -> None:
    for panel, (k, title) in zip(
        axes, ((0, "no skip"), (WIDEST, f"{WIDEST} skipped")), strict=True
    ):
        rows = runs.of(name_of(k), "shown")[0]
        side = round(rows.shape[-1] ** 0.5)
        tiles = np.pad(
            rows.reshape(3, -1, side, side),
            ((0, 0), (0, 0), (0, 1), (0, 1)),
            constant_values=np.nan,
        )
        side += 1
        image = tiles.transpose(0, 2, 1, 3).reshape(3 * side, -1)
        panel.imshow(image, cmap="gray", interpolation="nearest")
        panel.set_xticks(())
        panel.set_yticks((np.arange(3) + 0.5) * side - 0.5, ("given", "given back", "another's z"))
        panel.set_title(title)
        panel.grid(visible=False)
