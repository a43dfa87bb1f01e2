"""The pictures: quality over length, gradients and paths, and what attends to what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plusone.labs.attention.names import ATTENTION, FIXED, LENGTHS, REPAIRED
from plusone.labs.attention.nets import decay_law
from plusone.labs.base import Figure, Runs
from plusone.labs.show.figures import PLAIN, QUIET, RESIDUAL, TEAL, Axes, band, draw, ticks

COLORS = {ATTENTION: RESIDUAL, FIXED: PLAIN, REPAIRED: TEAL}


def figures(runs: Runs, edges: Sequence[tuple[int, int]], what: str) -> tuple[Figure, ...]:
    """All pictures; `what` is the quality by the classes of lengths `edges`."""

    def over_length(axes: Sequence[Axes]) -> None:
        _quality(axes[0], runs, edges, what)
        _gradients(axes[1], runs)
        _paths(axes[2], runs)

    return (
        Figure(
            name="length",
            title="Quality, gradients and paths over the length",
            svg=draw(over_length, panels=3, columns=3, panel=(3.2, 3.8)),
            caption="Means over seeds and their range. Left: after training, held-out sentences. "
            "Middle: gradient of the last output to the first input before training; dashed, from "
            "the shortest on: the law in the table, and 1 over the length. Right: layers and "
            "recurrent steps between the two.",
        ),
        Figure(
            name="alignment",
            title="What attends to what",
            svg=draw(lambda axes: _alignments(axes, runs), panels=2, panel=(4.4, 4.0)),
            caption="Attention of each word that was to be written (down) over those that are "
            "read, two held-out sentences, first seed, trained.",
        ),
    )


def _quality(axes: Axes, runs: Runs, edges: Sequence[tuple[int, int]], what: str) -> None:
    at = list(range(len(edges)))
    for name, color in COLORS.items():
        found = runs.of(name, "quality")
        label = name.removeprefix("fixed context, ")
        axes.plot(at, found.mean(0), "o-", color=color, label=label)
        band(axes, at, found.min(0), found.max(0), color)
    labels = [f"{a}+" if b == 99 else f"{a}-{b}" for a, b in edges]
    axes.set_xticks(at, labels)
    axes.set(title=what[0].upper() + what[1:], xlabel="tokens of the source")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), fontsize=8)


def _gradients(axes: Axes, runs: Runs) -> None:
    for name in (ATTENTION, FIXED):
        found = runs.of(name, "gradient")
        axes.loglog(LENGTHS, found.mean(0), "o-", color=COLORS[name], label=name)
        band(axes, LENGTHS, found.min(0), found.max(0), COLORS[name])
        start, first = found.mean(0)[0], LENGTHS[0]
        n = np.array(LENGTHS, dtype=float)
        rate = decay_law(float(runs.mean(FIXED, "width")))
        law = first / n if name == ATTENTION else 10 ** (2 * rate * (n - first))
        axes.plot(n, start * law, "--", color=QUIET, linewidth=1)
    ticks(axes, LENGTHS)
    axes.set(title="Gradient at the start", xlabel="words", ylabel="norm")


def _paths(axes: Axes, runs: Runs) -> None:
    for name in (ATTENTION, FIXED):
        axes.plot(LENGTHS, runs.mean(name, "path"), "o-", color=COLORS[name], label=name)
    ticks(axes, LENGTHS)
    axes.set(title="Shortest path", xlabel="words", ylabel="layers", ylim=(0, None))


def _alignments(axes: Sequence[Axes], runs: Runs) -> None:
    numbers = next(run for run in runs if run.arm.name == ATTENTION).numbers
    for at, panel in enumerate(axes):
        read, wrote = (_listed(numbers[f"{key} {at}"]) for key in ("read", "written"))
        weights = np.asarray(numbers[f"weights {at}"])
        panel.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        panel.set_xticks(range(len(read)), read, rotation=90)
        panel.set_yticks(range(len(wrote)), wrote)
        panel.grid(visible=False)


def _listed(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(word) for word in value]
