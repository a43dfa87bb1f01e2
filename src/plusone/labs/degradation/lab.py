"""The arms, what is measured of each, and what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import nn

from plusone.labs.base import Arm, Conclusion, Lab, Plan, Runs, Table, effect
from plusone.labs.base.lab import Option
from plusone.labs.degradation.claim import CLAIM
from plusone.labs.degradation.figures import figures
from plusone.labs.degradation.nets import NUM_STAGES, Kind, data_of, deepened, net_of, settle
from plusone.labs.gradient_highway.parts import decades
from plusone.labs.training import TrainConfig, error, train

FORMS = ("plain", "residual")
SETTINGS = (
    TrainConfig(steps=0, learning_rate=0.02),
    TrainConfig(steps=0, learning_rate=0.1),
    TrainConfig(steps=0, learning_rate=3e-3, optimizer="adam"),
)
ADAM = 2
NUM_POINTS = 10
CONSTRUCTED = "identity layers"


def depths(is_full: bool) -> tuple[int, ...]:
    """Blocks a stage."""
    return (1, 3, 8) if is_full else (2, 4, 16)


def plan(is_full: bool) -> Plan:
    kind, steps, batch = ("conv", 200, 32) if is_full else ("mlp", 50, 64)
    shared: dict[str, Option] = {"kind": kind, "steps": steps, "batch": batch}
    arms = [
        Arm(name=name_of(form, kind, n), options={**shared, "form": form, "blocks": n})
        for form in FORMS
        for n in depths(is_full)
    ]
    ends = {"blocks": depths(is_full)[0], "deep": depths(is_full)[-1]}
    return Plan(
        arms=(*arms, Arm(name=CONSTRUCTED, options={**shared, "form": "plain", **ends})),
        seeds=tuple(range(5 if is_full else 3)),
        data=("cifar10",) if is_full else ("digits",),
    )


def name_of(form: str, kind: str, num_blocks: int) -> str:
    """The arm of so many blocks a stage."""
    return f"{form}, {num_blocks * NUM_STAGES[kind]} blocks"


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    kind = cast(Kind, arm.options["kind"])
    data = data_of(kind)
    configs = [
        replace(one, steps=int(arm.options["steps"]), batch=int(arm.options["batch"]), seed=seed)
        for one in SETTINGS
    ]
    found: list[dict[str, object]] = []
    best: nn.Module | None = None
    start = 0.0
    for config in configs:
        torch.manual_seed(seed)
        net = net_of(kind, int(arm.options["blocks"]), skips=arm.options["form"] == "residual")
        if best is None:  # all settings start from the same weights
            start = decades(net, data.inputs[::7], data.targets[::7])[0]
        one = _trained(net, kind, config)
        if best is None or cast(float, one["error"]) < min(cast(float, f["error"]) for f in found):
            best = net
        found.append(one)
    assert best is not None
    if arm.name == CONSTRUCTED:
        return _constructed(kind, best, int(arm.options["deep"]), configs[ADAM])
    chosen = int(np.argmin([cast(float, one["error"]) for one in found]))
    return {
        **found[chosen],
        "start": start,
        "chosen": chosen,
        "errors": [one["error"] for one in found],
    }


def _trained(net: nn.Module, kind: Kind, config: TrainConfig) -> dict[str, object]:
    """Train, and what came of it; a loss that is not finite counts as an error of 1."""
    data = data_of(kind)
    losses = train(net, data.inputs, data.targets, config)
    if len(losses) < config.steps or not np.isfinite(losses[-1]):
        return {"error": 1.0, "test error": 1.0, "curve": [float("nan")] * NUM_POINTS}
    settle(net, data.inputs)
    return {
        "error": error(net, data.inputs, data.targets),
        "test error": error(net, data.test_inputs, data.test_targets),
        "curve": np.asarray(losses).reshape(NUM_POINTS, -1).mean(1),
    }


def _constructed(
    kind: Kind, shallow: nn.Module, num_blocks: int, config: TrainConfig
) -> Mapping[str, object]:
    """The shallow net against the deep one with identity layers, before and after training on.

    It goes on at a tenth of Adam's rate: at the whole of it the first step already leaves the
    solution (in the MLP the loss jumps from 0.15 to 17), and what follows is a search for another.
    """
    data = data_of(kind)
    shallow, inputs = shallow.double().eval(), data.inputs.double()
    deep = deepened(kind, shallow, num_blocks, inputs)
    with torch.no_grad():
        before, after = shallow(inputs), deep(inputs)
    errors = [error(net, inputs, data.targets) for net in (shallow, deep)]
    onward = _trained(deep.float(), kind, replace(config, learning_rate=config.learning_rate / 10))
    return {
        "logits": float((before - after).abs().max() / before.abs().max()),
        "error": errors[0],
        "deepened": errors[1],
        "trained on": onward["error"],
        "curve": onward["curve"],
    }


def conclude(runs: Runs) -> Conclusion:
    kind = str(runs.arms[0].options["kind"])
    blocks = sorted({int(arm.options["blocks"]) for arm in runs.arms})
    names = {form: [name_of(form, kind, n) for n in blocks] for form in FORMS}
    errors = {f: np.stack([runs.of(n, "error") for n in names[f]], 1) for f in FORMS}
    plain_adam = [runs.of(names["plain"][i], "errors")[:, ADAM] for i in (0, -1)]
    start = np.stack([runs.of(name, "start") for name in names["plain"]], 1)
    num_blocks = [n * NUM_STAGES[kind] for n in blocks]
    gaps = {form: errors[form][:, -1] - errors[form][:, 0] for form in FORMS}
    onward = runs.of(CONSTRUCTED, "trained on")
    measured: dict[str, Sequence[float]] = {
        "plain-gap": list(gaps["plain"]),
        "residual-gap": list(gaps["residual"]),
        "constructed": list(onward - errors["plain"][:, -1]),
        "identity-logits": [float(runs.of(CONSTRUCTED, "logits").max())],
        "identity-error": list(runs.of(CONSTRUCTED, "deepened") - runs.of(CONSTRUCTED, "error")),
        "start": list(np.abs(start[:, -1])),
        "adam-gap": list(plain_adam[1] - plain_adam[0]),
        "growth": [float(np.polyfit(num_blocks, row, 1)[0]) for row in start],
        "shallow": list(errors["residual"][:, 0] - errors["plain"][:, 0]),
    }
    return Conclusion(
        measured=measured,
        reading=_reading(runs, measured, errors, num_blocks),
        effects=(
            effect(
                f"training error at {num_blocks[-1]} blocks",
                ("residual", list(errors["residual"][:, -1])),
                ("plain", list(errors["plain"][:, -1])),
            ),
            effect(
                f"growth of the training error from {num_blocks[0]} to {num_blocks[-1]} blocks",
                ("residual", list(gaps["residual"])),
                ("plain", list(gaps["plain"])),
            ),
        ),
        figures=figures(runs, names, num_blocks, CONSTRUCTED),
        tables=(_table(runs, names, num_blocks),),
    )


def _reading(
    runs: Runs,
    measured: Mapping[str, Sequence[float]],
    errors: Mapping[str, np.ndarray],
    num_blocks: Sequence[int],
) -> str:
    mean = {key: float(np.mean(values)) for key, values in measured.items()}
    ends = {
        form: (float(found[:, 0].mean()), float(found[:, -1].mean()))
        for form, found in errors.items()
    }
    onward, before = (float(runs.mean(CONSTRUCTED, key)) for key in ("trained on", "deepened"))
    return (
        f"From {num_blocks[0]} to {num_blocks[-1]} blocks the plain nets' training error goes from "
        f"{ends['plain'][0]:.1%} to {ends['plain'][1]:.1%}, the residual nets' from "
        f"{ends['residual'][0]:.1%} to {ends['residual'][1]:.1%}, each at its best setting. The "
        f"deep plain net can do what the shallow one does: with identity layers its error is "
        f"{before:.1%}, and {onward:.1%} when trained on. So a solution is there, and training "
        "from a random start does not find it in this budget. Nothing vanished: the deep plain "
        f"net's gradient grows by {mean['start']:.1f} decades towards the input "
        f"({mean['growth']:.2f} a block), and under Adam alone the gap is {mean['adam-gap']:+.1%}."
    )


def _table(runs: Runs, names: Mapping[str, Sequence[str]], num_blocks: Sequence[int]) -> Table:
    rows: list[tuple[str | float, ...]] = []
    for form, of_form in names.items():
        for name, number in zip(of_form, num_blocks, strict=True):
            by_setting = runs.mean(name, "errors").tolist()
            cells = [float(runs.mean(name, key)) for key in ("error", "test error", "start")]
            rows.append((form, number, cells[0], cells[1], *by_setting, cells[2]))
    return Table(
        title="Errors by depth: at the best setting, then by setting; decades at the start",
        columns=(
            "net",
            "blocks",
            "training error",
            "test error",
            "SGD 0.02",
            "SGD 0.1",
            "Adam 0.003",
            "decades",
        ),
        rows=tuple(rows),
    )


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
