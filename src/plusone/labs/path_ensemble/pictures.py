"""Figures and tables of the paths and the lesions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from plusone.labs.base import Figure, Runs, Table
from plusone.labs.path_ensemble.expansion import NUM_LAYERS, SIZES, STRENGTH
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

COLORS = {"residual": RESIDUAL, "plain": PLAIN}


def has_cifar(runs: Runs) -> bool:
    """Whether the runs are of the full mode."""
    return any(arm.name.startswith("CIFAR") for arm in runs.arms)


def figures(runs: Runs) -> tuple[Figure, ...]:
    found = [
        Figure(
            name="paths",
            title="The sum over paths",
            svg=draw(lambda axes: _paths(axes, runs), panels=3, columns=3, panel=(3.1, 3.4)),
            caption="Left: error of sums over paths of a net of 8 tanh branches. Middle: energy by "
            "path length of linear branches. Right: gradient by path length of the trained net, "
            "beside the number of paths and plusone.scan's weights.",
        ),
        Figure(
            name="lesions",
            title="Deletion and exchange of blocks, digits",
            svg=draw(lambda axes: _lesions(axes, runs, ""), panels=3, columns=3, panel=(3.1, 3.0)),
            caption="Left: accuracy without one block, mean and range over seeds. Middle: without "
            "several, never the first. Right: in other orders, all seeds.",
        ),
    ]
    if has_cifar(runs):
        found.append(
            Figure(
                name="lesions-cifar10",
                title="Deletion and exchange of blocks, CIFAR-10",
                svg=draw(
                    lambda axes: _lesions(axes, runs, "CIFAR-10 "),
                    panels=3,
                    columns=3,
                    panel=(3.1, 3.0),
                ),
                caption="As above, of pre-activation ResNets; blocks that change the shape stay.",
            )
        )
    return tuple(found)


def _paths(axes: Sequence[Axes], runs: Runs) -> None:
    left, middle, right = axes
    names = (
        ("first", "length 1", "o-"),
        ("all", "all paths", "s--"),
        ("second", "2nd order", "^-"),
    )
    for (key, label, style), color in zip(names, (TEAL, PURPLE, GREEN), strict=True):
        left.loglog(SIZES, runs.mean("smooth", key), style, color=color, label=label)
    left.set(title="Smooth branches", xlabel="size of a branch", ylabel="relative error")
    length = np.arange(NUM_LAYERS + 1)
    p = STRENGTH**2 / (1 + STRENGTH**2)
    middle.bar(length, runs.mean("linear", "shares"), color=RESIDUAL, alpha=0.5, label="measured")
    middle.plot(length, _binomial(NUM_LAYERS, p), "o", color=QUIET, label="binomial")
    middle.set(title="Linear branches", xlabel="path length", ylabel="share")
    shares = runs.of("residual", "shares")
    length = np.arange(shares.shape[1])
    right.bar(length, shares.mean(0), color=RESIDUAL, alpha=0.5, label="gradient")
    right.plot(length, runs.mean("residual", "scan weights"), "s", color=PURPLE, label="scan")
    right.plot(length, _binomial(len(length) - 1, 0.5), "o", color=QUIET, label="paths")
    right.set(title="Trained net", xlabel="path length")
    for panel in axes:
        panel.legend()
    ticks(middle, range(0, NUM_LAYERS + 1, 2))
    ticks(right, range(0, len(length), 2))


def _binomial(number: int, p: float) -> list[float]:
    return [math.comb(number, k) * p**k * (1 - p) ** (number - k) for k in range(number + 1)]


def _lesions(axes: Sequence[Axes], runs: Runs, prefix: str) -> None:
    left, middle, right = axes
    for name, color in COLORS.items():
        arm = f"{prefix}{name}"
        single = np.column_stack([runs.of(arm, "first"), runs.of(arm, "single")])
        # The first block, then those that can go, numbered on.
        at = np.arange(1, single.shape[1] + 1)
        left.plot(at, single.mean(0), "o-", color=color, label=name)
        band(left, list(at), single.min(0), single.max(0), color)
        left.axhline(runs.mean(arm, "accuracy"), color=color, linestyle="--", linewidth=1)
        many = runs.of(arm, "many")
        gone = np.arange(many.shape[1])
        middle.plot(gone, many.mean(0), "o-", color=color, label=name)
        band(middle, list(gone), many.min(0), many.max(0), color)
        taus, found = runs.of(arm, "taus"), runs.of(arm, "reordered")
        right.plot(
            taus.ravel(), found.ravel(), "o", color=color, markersize=3, alpha=0.6, label=name
        )
    left.set(title="One deleted", xlabel="which (1: the first block)", ylabel="accuracy")
    middle.set(title="Several deleted", xlabel="blocks deleted")
    right.set(title="Reordered", xlabel="Kendall's tau of the order")
    ticks(left, range(1, len(at) + 1, max(len(at) // 4, 1)))
    ticks(middle, range(0, len(gone), max(len(gone) // 4, 1)))
    for panel in axes:
        panel.set_ylim(0, 1.02)
    middle.legend()


def tables(runs: Runs) -> tuple[Table, ...]:
    prefixes = ("", "CIFAR-10 ") if has_cifar(runs) else ("",)
    names = [f"{prefix}{name}" for prefix in prefixes for name in COLORS]
    rows: tuple[tuple[str | float, ...], ...] = tuple(
        (
            name,
            float(runs.mean(name, "accuracy")),
            float(runs.mean(name, "first")),
            float(np.median(runs.of(name, "single"), axis=1).mean()),
            float(runs.of(name, "single").min(1).mean()),
            float(runs.mean(name, "many")[-1]),
            _at(runs, name, 0.8, 1.0),
            _at(runs, name, -1.0, 0.3),
        )
        for name in names
    )
    shares: tuple[tuple[str | float, ...], ...] = tuple(
        (float(k), *map(float, row))
        for k, row in enumerate(
            zip(
                _binomial(len(runs.mean("residual", "shares")) - 1, 0.5),
                runs.mean("residual", "scan weights"),
                runs.mean("residual", "shares"),
                strict=True,
            )
        )
    )
    return (
        Table(
            title="Accuracy, means over seeds",
            columns=(
                "net",
                "intact",
                "without the first",
                "without one, median",
                "without one, worst",
                "without all",
                "order with tau > 0.8",
                "tau < 0.3",
            ),
            rows=rows,
        ),
        Table(
            title="Share by path length, trained net",
            columns=("length", "number of paths", "scan", "gradient"),
            rows=shares,
        ),
    )


def _at(runs: Runs, name: str, low: float, high: float) -> float:
    """The mean accuracy of orders whose tau lies between two values; NaN where there are none."""
    taus, found = runs.of(name, "taus"), runs.of(name, "reordered")
    chosen = found[(taus > low) & (taus < high)]
    return float(chosen.mean()) if chosen.size else math.nan
