"""The pictures: the gradient over depth, the skip's share block by block, training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plusone.labs.base import Figure, Runs
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

PALE = {"residual, He, 1/sqrt(L)": GREEN, "residual, He, layer norm": PURPLE}
LABELS = {
    "plain": "plain",
    "residual": "residual",
    "plain, He": "plain",
    "residual, He": "residual",
    "residual, He, 1/sqrt(L)": "residual, 1/sqrt(L)",
    "residual, He, layer norm": "residual, layer norm",
    "conv plain": "plain",
    "conv residual": "residual",
}


def _color(name: str) -> str:
    return PALE.get(name, PLAIN if "plain" in name else RESIDUAL)


def _over(axes: Axes, x: Sequence[int], values: np.ndarray, name: str) -> None:
    """The mean over seeds with their range."""
    axes.plot(x, values.mean(0), "o-", color=_color(name), label=LABELS[name])
    band(axes, x, values.min(0), values.max(0), _color(name))


def figures(runs: Runs, depths: Sequence[int], conv_depths: Sequence[int]) -> tuple[Figure, ...]:
    """All pictures of the lab."""
    return (
        Figure(
            name="depth",
            title="The gradient at the first block over that behind the last, before training",
            svg=draw(
                lambda axes: _depth(axes, runs, depths, conv_depths),
                panels=3,
                panel=(2.9, 2.9),
                columns=3,
            ),
            caption="Decades of R; means over seeds and their range. Dashed: theory, for wide "
            "layers. The third panel is of conv nets with batch norm.",
        ),
        Figure(
            name="share",
            title="The skip's share of the squared gradient, block by block",
            svg=draw(lambda axes: _share(axes, runs), panels=1, panel=(8.4, 3.0)),
            caption=f"{depths[-1]} blocks before training. Dashed: 1/(1 + a), of layer norm "
            "(l + 1)/(l + 2). The rest is the branch's.",
        ),
        Figure(
            name="training",
            title="The same ratio while the nets train",
            svg=draw(lambda axes: _training(axes, runs), panels=1, panel=(8.4, 3.0)),
            caption="Adam on digits; PyTorch's init but for the net with layer norm, which has "
            "He's.",
        ),
    )


def _depth(
    axes: Sequence[Axes], runs: Runs, depths: Sequence[int], conv_depths: Sequence[int]
) -> None:
    x = np.asarray(depths, dtype=float)
    left, middle, right = axes
    for name in ("plain", "residual"):
        _over(left, depths, runs.of(name, "decades"), name)
    for law in (x * np.log10(1 / 6), x / 2 * np.log10(1 + 1 / 36)):
        left.plot(x, law, "--", color=QUIET, linewidth=1)
    left.set(title="PyTorch's init", ylabel="decades of R", xlabel="blocks")
    for name in (n for n in LABELS if "He" in n):
        _over(middle, depths, runs.of(name, "decades"), name)
    for law in (0 * x, x / 2 * np.log10(2), x / 2 * np.log10(1 + 1 / x), np.log10(1 + x) / 2):
        middle.plot(x, law, "--", color=QUIET, linewidth=1)
    middle.set(title="He's init", xlabel="blocks", ylim=(-1, 16))  # room for the legend
    for name in ("conv plain", "conv residual"):
        _over(right, conv_depths, runs.of(name, "decades"), name)
    right.plot(
        conv_depths,
        np.asarray(conv_depths) * np.log10(np.pi / (np.pi - 1)),
        "--",
        color=QUIET,
        linewidth=1,
    )
    right.set(title="He's init, batch norm", xlabel="blocks")
    for panel in axes:
        ticks(panel, conv_depths if panel is right else [d for d in depths if d not in (4, 8)])
        panel.legend()


def _share(axes: Sequence[Axes], runs: Runs) -> None:
    (panel,) = axes
    shown = {
        "residual": ("PyTorch's init", RESIDUAL),
        "residual, He": ("He's init", TEAL),
        **{name: (LABELS[name].replace("residual", "He's init"), PALE[name]) for name in PALE},
    }
    for name, (label, color) in shown.items():
        values = runs.of(name, "shares")
        block = np.arange(1, values.shape[1] + 1)
        panel.plot(block, values.mean(0), color=color, label=label)
        band(panel, block.tolist(), values.min(0), values.max(0), color)
    depth = values.shape[1]
    laws = (36 / 37 + 0 * block, 0.5 + 0 * block, depth / (depth + 1) + 0 * block)
    for law in (*laws, block / (block + 1)):
        panel.plot(block, law, "--", color=QUIET, linewidth=1)
    panel.set(ylim=(0, 1.05), xlabel="block", ylabel="skip's share")
    panel.legend(loc="lower right", ncols=2)


def _training(axes: Sequence[Axes], runs: Runs) -> None:
    (panel,) = axes
    for name in ("plain", "residual", "residual, He, layer norm"):
        steps = [int(s) for s in runs.of(f"training: {name}", "steps")[0]]
        _over(panel, steps, runs.of(f"training: {name}", "decades"), name)
    panel.set_xscale("symlog", linthresh=1)
    ticks(panel, [0, 1, 10, 100, *([steps[-1]] if steps[-1] > 300 else [])])
    panel.set(xlabel="step", ylabel="decades of R")
    panel.legend(loc="center right")
