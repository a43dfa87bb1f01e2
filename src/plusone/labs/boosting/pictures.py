"""Figures and tables of the boosting view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plusone.labs.base import Figure, Runs, Table
from plusone.labs.show.figures import (
    GREEN,
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

COLORS = {"residual": RESIDUAL, "plain": PLAIN, "untrained": QUIET}

RANDOM_START = "block by block, random start"


def is_full(runs: Runs) -> bool:
    """Whether the runs are of the full mode."""
    return any(arm.name == RANDOM_START for arm in runs.arms)


def figures(runs: Runs) -> tuple[Figure, ...]:
    found = [
        Figure(
            name="blocks",
            title="Block by block, digits",
            svg=draw(lambda axes: _blocks(axes, runs, ""), panels=3, columns=3, panel=(3.1, 3.0)),
            caption="Left: cosine of a block's update with the negative gradient at its input. "
            "Middle: loss of the final head behind each block (0: the stem). Right: accuracy of a "
            "linear probe fitted there. On held-out digits; areas span the seeds.",
        ),
        Figure(
            name="ensembles",
            title="Trained one after another",
            svg=draw(lambda axes: _ensembles(axes, runs), panels=2),
            caption="Each block with a head of its own, the blocks before it fixed (0: the stem).",
        ),
    ]
    if is_full(runs):
        found.append(
            Figure(
                name="blocks-mnist",
                title="Block by block, MNIST",
                svg=draw(
                    lambda axes: _blocks(axes, runs, "MNIST "),
                    panels=3,
                    columns=3,
                    panel=(3.1, 3.0),
                ),
                caption="As above.",
            )
        )
    return tuple(found)


def _blocks(axes: Sequence[Axes], runs: Runs, prefix: str) -> None:
    left, middle, right = axes
    names = [name for name in COLORS if not prefix or name != "untrained"]
    for name in names:
        arm, color = f"{prefix}{name}", COLORS[name]
        _line(left, runs.of(arm, "cosines"), color, name, first=1)
        if name != "untrained":
            _line(middle, runs.of(arm, "exits"), color, name, first=0)
            _line(right, runs.of(arm, "probes"), color, name, first=0)
    left.axhline(0, color=QUIET, linewidth=1)
    left.set(title="Cosine with −gradient", xlabel="block")
    middle.set(title="Loss of the final head", xlabel="block", yscale="log")
    right.set(title="Linear probe", xlabel="block", ylabel="accuracy")
    top = left.get_ylim()[1]
    left.set_ylim(top=top + 0.35 * (top - left.get_ylim()[0]))  # room for the legend
    left.legend(loc="upper left", ncols=1)


def _line(axes: Axes, values: np.ndarray, color: str, label: str, *, first: int) -> None:
    at = range(first, first + values.shape[1])
    axes.plot(at, values.mean(0), "o-", color=color, label=label)
    band(axes, at, values.min(0), values.max(0), color)
    ticks(axes, [k for k in at if k % 3 == 0])


def _ensembles(axes: Sequence[Axes], runs: Runs) -> None:
    left, right = axes
    for arm, color, label in _stepwise(runs):
        _line(left, runs.of(arm, "losses"), color, label, first=0)
        _line(right, runs.of(arm, "accuracies"), color, label, first=0)
    left.axhline(
        runs.mean("residual", "training loss"), color=RESIDUAL, linestyle="--", label="at once"
    )
    left.set(title="Training loss", xlabel="block", yscale="log")
    for name, color, label in (
        ("residual", RESIDUAL, "at once"),
        ("plain", PLAIN, "plain, at once"),
        ("trees", PURPLE, "boosted trees"),
    ):
        right.axhline(runs.mean(name, "accuracy"), color=color, linestyle="--", label=label)
    right.set(title="Test accuracy", xlabel="block")
    for panel in axes:
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)


def _stepwise(runs: Runs) -> list[tuple[str, str, str]]:
    """Arm, colour and words of what was trained block by block."""
    found = [("block by block", TEAL, "one after another")]
    return [*found, (RANDOM_START, GREEN, "from random blocks")] if is_full(runs) else found


def tables(runs: Runs) -> tuple[Table, ...]:
    prefixes = ("", "MNIST ") if is_full(runs) else ("",)
    names = [f"{prefix}{name}" for prefix in prefixes for name in ("residual", "plain")]
    columns = ("cosines", "exits", "probes")
    rows: list[tuple[str | float, ...]] = []
    for name in names:
        cosines, exits, probes = (runs.mean(name, column) for column in columns)
        for block in range(len(exits)):
            cosine = float(cosines[block - 1]) if block else float("nan")
            rows.append((name, float(block), cosine, float(exits[block]), float(probes[block])))
    stepwise: list[tuple[str | float, ...]] = []
    for arm, _, words in _stepwise(runs):
        losses, accuracies = runs.mean(arm, "losses"), runs.mean(arm, "accuracies")
        for block in range(len(losses)):
            stepwise.append((words, float(block), float(losses[block]), float(accuracies[block])))
    ends = (("at once", "residual"), ("plain, at once", "plain"), ("boosted trees", "trees"))
    return (
        Table(
            title="Held-out samples, means over seeds (block 0: the stem)",
            columns=("net", "block", "cosine", "loss of the final head", "probe accuracy"),
            rows=tuple(rows),
        ),
        Table(
            title="Trained one after another",
            columns=("blocks", "block", "training loss", "test accuracy"),
            rows=tuple(stepwise),
        ),
        Table(
            title="Test accuracy",
            columns=("model", "accuracy"),
            rows=tuple((label, float(runs.mean(name, "accuracy"))) for label, name in ends),
        ),
    )
