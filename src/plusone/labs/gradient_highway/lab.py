"""The arms, what is measured of each, and what follows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from plusone.labs.base import Arm, Conclusion, Lab, Plan, Runs, Table, effect
from plusone.labs.data import digits
from plusone.labs.gradient_highway.claim import CLAIM, DEEPEST
from plusone.labs.gradient_highway.figures import figures
from plusone.labs.gradient_highway.nets import (
    CONV_FORMS,
    FORMS,
    batch,
    mlp,
    scale_of,
    with_twin,
)
from plusone.labs.gradient_highway.parts import Parts, decades, parts
from plusone.labs.training import TrainConfig, accuracy, train

DEPTHS = (4, 8, 16, 32, DEEPEST)
CONV_DEPTHS = (4, 8, 16)
TRAINED = ("plain", "residual", "residual, He, layer norm")
RATE = 1e-3  # Adam's usual one; no accuracy of plain nets is claimed here


def plan(is_full: bool) -> Plan:
    source = "cifar10" if is_full else "digits"
    steps, depth = (600, 32) if is_full else (60, 16)
    start = (Arm(name=name, options=options) for name, options in FORMS.items())
    conv = (
        Arm(name=name, options={**options, "source": source})
        for name, options in CONV_FORMS.items()
    )
    trained = (
        Arm(name=f"training: {name}", options={**FORMS[name], "steps": steps, "depth": depth})
        for name in TRAINED
    )
    return Plan(
        arms=(*start, *conv, *trained),
        seeds=tuple(range(5 if is_full else 3)),
        data=("digits", "cifar10") if is_full else ("digits",),
    )


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    if "steps" in arm.options:
        return _training(arm, seed)
    is_conv = "source" in arm.options
    found = {depth: _at_start(arm, depth, seed) for depth in (CONV_DEPTHS if is_conv else DEPTHS)}
    deepest = found[max(found)]
    return {
        "decades": [one.decades[0] for one in found.values()],
        "share": [float(np.mean(one.share)) for one in found.values()],
        "cosine": [float(np.sqrt(np.mean(np.square(one.cosine)))) for one in found.values()],
        "error": max(max(one.error) for one in found.values()),
        "shares": list(deepest.share),
        "profile": list(deepest.decades),
    }


def _at_start(arm: Arm, depth: int, seed: int) -> Parts:
    source = arm.options.get("source")
    if source is None:
        x, y = batch("digits", seed)
        nets = with_twin(arm.options, depth)
        return parts(*nets, x, y, scale=scale_of(arm.options, depth))
    x, y = batch("cifar10" if source == "cifar10" else "digit images", seed)
    return parts(*with_twin(arm.options, depth, x.shape[1]), x, y)


def _training(arm: Arm, seed: int) -> Mapping[str, object]:
    data = digits()
    depth, steps = int(arm.options["depth"]), int(arm.options["steps"])
    net = mlp(arm.options, depth)
    x, y = data.inputs[:64], data.targets[:64]
    at = watched(steps)
    seen: list[float] = []

    def observe(step: int) -> None:
        if step in at:
            seen.append(decades(net, x, y)[0])

    config = TrainConfig(steps=steps, learning_rate=RATE, optimizer="adam", seed=seed)
    train(net, data.inputs, data.targets, config, observe=observe)
    return {
        "steps": at,
        "decades": seen,
        "accuracy": accuracy(net, data.inputs, data.targets),
        "shares": _shares(net, arm, depth),
    }


def _shares(net: nn.Module, arm: Arm, depth: int) -> list[float]:
    """The skip's share at each block of a net as it is, in float64."""
    twin = mlp(arm.options, depth, is_twin=True)
    twin.load_state_dict(net.state_dict())
    x, y = batch("digits", 0)
    return list(parts(net.double(), twin.double(), x, y).share)


def watched(steps: int) -> list[int]:
    """Steps before which the gradient is looked at: 0, then about three a decade, and the last."""
    spaced = np.geomspace(1, steps, 3 * round(math.log10(steps)) + 1).round().astype(int)
    return sorted({0, *spaced.tolist()})


def _slope(decades_of: np.ndarray, depths: Sequence[int]) -> list[float]:
    """Decades a block for each seed, by least squares over depths: [seeds, depths]."""
    return [float(np.polyfit(depths, row, 1)[0]) for row in decades_of]


def conclude(runs: Runs) -> Conclusion:
    ratio = {name: runs.of(name, "decades") for name in (*FORMS, *CONV_FORMS)}
    watched_ratio = runs.of("training: residual", "decades")
    residuals = [name for name, options in {**FORMS, **CONV_FORMS}.items() if options["skips"]]
    measured: dict[str, Sequence[float]] = {
        "plain-slope": _slope(ratio["plain"], DEPTHS),
        "residual-deep": list(ratio["residual"][:, -1]),
        "skip-share": list(runs.of("residual", "share")[:, -1]),
        "training": list(np.abs(watched_ratio).max(1)),
        "sum": [max(float(runs.of(name, "error").max()) for name in ratio)],
        "cosine": list(
            np.sqrt(np.mean([runs.of(name, "cosine")[:, -1] ** 2 for name in residuals], 0))
        ),
        "learns": list(runs.of("training: residual", "accuracy")),
        "he-plain": _slope(ratio["plain, He"], DEPTHS),
        "he-residual": _slope(ratio["residual, He"], DEPTHS),
        "he-share": list(runs.of("residual, He", "share")[:, -1]),
        "scaled": list(ratio["residual, He, 1/sqrt(L)"][:, -1]),
        "layer-norm": list(ratio["residual, He, layer norm"][:, -1]),
        "conv-plain": _slope(ratio["conv plain"], CONV_DEPTHS),
        "conv-residual": list(ratio["conv residual"][:, -1]),
    }
    return Conclusion(
        measured=measured,
        reading=_reading(runs, measured),
        effects=(
            effect(
                f"decades of R over {DEEPEST} blocks, PyTorch's init",
                ("residual", list(ratio["residual"][:, -1])),
                ("plain", list(ratio["plain"][:, -1])),
            ),
            effect(
                f"|decades of R| over {DEEPEST} blocks, He's init: the skip's harm without a scale",
                ("residual", list(np.abs(ratio["residual, He"][:, -1]))),
                ("plain", list(np.abs(ratio["plain, He"][:, -1]))),
            ),
        ),
        figures=figures(runs, DEPTHS, CONV_DEPTHS),
        tables=_tables(runs, ratio),
    )


def _reading(runs: Runs, measured: Mapping[str, Sequence[float]]) -> str:
    mean = {key: float(np.mean(values)) for key, values in measured.items()}
    depth = int(runs.arms[-1].options["depth"])
    accuracies = {name: float(runs.mean(f"training: {name}", "accuracy")) for name in TRAINED}
    last = float(runs.mean("training: plain", "decades")[-1])
    return (
        "With PyTorch's init a plain net's gradient changes by "
        f"{mean['plain-slope']:.2f} decades a block, and over {DEEPEST} blocks with skips by "
        f"{mean['residual-deep']:.2f} in all, {mean['skip-share']:.0%} of its square being the "
        f"skips'. During training at {depth} blocks it stays within {mean['training']:.2f} "
        f"decades ({accuracies['residual']:.0%} right); the plain twin ends at {last:.1f} decades "
        f"({accuracies['plain']:.0%} right). But the +1 bounds nothing: with He's init the plain "
        f"net keeps its gradient ({mean['he-plain']:+.3f} a block) and the residual one's grows "
        f"by {mean['he-residual']:.3f} a block, half of it the branches'. A scale of 1/sqrt(L) "
        f"({mean['scaled']:.2f} over {DEEPEST} blocks) or a norm ({mean['layer-norm']:.2f}) does "
        "what the +1 alone does not. The two parts are nearly orthogonal (cosine "
        f"{mean['cosine']:.2f}), so that squares add: that is why the factor is 1 + a."
    )


def _tables(runs: Runs, ratio: Mapping[str, np.ndarray]) -> tuple[Table, ...]:
    start: list[tuple[str | float, ...]] = []
    for name, found in ratio.items():
        depths = CONV_DEPTHS if name in CONV_FORMS else DEPTHS
        cells = dict(zip(depths, found.mean(0).tolist(), strict=True))
        share, cosine = (float(runs.mean(name, key)[-1]) for key in ("share", "cosine"))
        start.append((name, *(cells.get(depth, math.nan) for depth in DEPTHS), share, cosine))
    trained = tuple(
        (
            name,
            float(runs.mean(f"training: {name}", "decades")[0]),
            float(runs.mean(f"training: {name}", "decades")[-1]),
            float(runs.mean(f"training: {name}", "shares").mean()),
            float(runs.mean(f"training: {name}", "accuracy")),
        )
        for name in TRAINED
    )
    return (
        Table(
            title="Decades of R over depth at the start; share and cosine at the deepest",
            columns=("net", *(f"{d} blocks" for d in DEPTHS), "skip's share", "cosine"),
            rows=tuple(start),
        ),
        Table(
            title="Decades of R at the start and after training, then the skip's share",
            columns=("net", "before", "after", "skip's share", "training accuracy"),
            rows=trained,
        ),
    )


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
