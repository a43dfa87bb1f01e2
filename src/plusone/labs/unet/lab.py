"""The arms, what is measured of each, and what follows."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from plusone.labs.base import Arm, Conclusion, Lab, Plan, Runs, Table, effect
from plusone.labs.base.lab import Option
from plusone.labs.data import Split
from plusone.labs.layer_paths import layer_paths
from plusone.labs.unet.bands import at_joins, selectivity, spectrum, without_band
from plusone.labs.unet.claim import CLAIM, HIGH, LOST, LOW
from plusone.labs.unet.names import DEEPEST, REPAIRED, WIDE, levels_of, name_of
from plusone.labs.unet.nets import (
    END,
    START,
    Kept,
    data_of,
    net_of,
    repaired,
    trained,
    warning,
)
from plusone.labs.unet.pictures import figures
from plusone.labs.unet.scores import iou, scores


def plan(is_full: bool) -> Plan:
    data, width, steps = ("nuclei", 8, 200) if is_full else ("vessels", 4, 50)
    shared: dict[str, Option] = {"data": data, "width": width, "steps": steps}
    levels = range(1, DEEPEST + 1) if is_full else (1, DEEPEST)
    kinds = [(kept, n) for n in levels for kept in ("all", "none")]
    kinds += [("finest", DEEPEST), ("coarsest", DEEPEST)]
    arms = [
        Arm(name=name_of(kept, n), options={**shared, "kept": kept, "levels": n})
        for kept, n in kinds
    ]
    deep = {**shared, "kept": "none", "levels": DEEPEST}
    # 1.5 times the width has 2.25 times the parameters.
    arms.append(Arm(name=WIDE, options={**deep, "width": width * 3 // 2}))
    arms.append(Arm(name=REPAIRED, options={**deep, "repaired": True}))
    return Plan(arms=tuple(arms), seeds=tuple(range(5 if is_full else 3)), data=(data,))


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    options = arm.options
    data = data_of(str(options["data"]))
    kept, num_levels = cast(Kept, options["kept"]), int(options["levels"])
    net: nn.Module = net_of(num_levels, kept, width=int(options["width"]))
    if options.get("repaired"):
        net = repaired(net, data)
    fires, detail = warning(net, data)
    found: dict[str, object] = {
        "parameters": sum(p.numel() for p in net.parameters()),
        "fires": fires,
        "detail": detail,
    }
    if not options.get("repaired"):
        paths = layer_paths(net, (data.inputs[:2],), START, END)
        found["paths"] = [paths.min_length, paths.mean_length, paths.max_length]
    trained(net, data, steps=int(options["steps"]), seed=seed)
    found["iou"], found["boundary"] = scores(net, data.test_inputs, data.test_targets)
    if num_levels == DEEPEST and kept == "all":
        found |= _bands(net, data.test_inputs[:8], data.test_targets[:8], seed)
        found["example"] = _example(net, data)
    elif num_levels == DEEPEST and kept == "none":
        found["example"] = _example(net, data)
    return found


@torch.no_grad()
def _example(net: nn.Module, data: Split) -> Tensor:
    """A corner of a picture, of its mask and of what the net makes of it."""
    x = data.test_inputs[:1]
    rows = torch.stack((x[0, 0], data.test_targets[0, 0], (net(x)[0, 0] > 0).float()))
    return (rows[:, :64, :64] * 100).round() / 100


def _bands(net: nn.Module, x: Tensor, masks: Tensor, seed: int) -> dict[str, object]:
    """What of the trained net passes in which band, and what it loses without one."""
    net = copy.deepcopy(net).double()
    x, generator = x.double(), torch.Generator().manual_seed(seed)
    deep, skips, both = selectivity(net, x, (LOW, HIGH), generator)

    def score() -> float:
        return iou(net(x).numpy() > 0, masks.numpy() > 0)

    with torch.no_grad():
        with at_joins(net) as passed:
            whole = score()
        spectra = [spectrum(t) for t in (x, passed.skips[0], passed.deep[0])]
        lost = []
        for of_skip in (True, False):
            for band in (LOW, HIGH):
                with without_band(net, band, of_skip=of_skip):
                    lost.append(whole - score())
    return {
        "selectivity": [deep, skips, both],
        "spectra": torch.stack(spectra),
        "lost": lost,
    }


def conclude(runs: Runs) -> Conclusion:
    ious = {arm.name: runs.of(arm, "iou") for arm in runs.arms}
    edges = {arm.name: runs.of(arm, "boundary") for arm in runs.arms}
    numbers = {arm.name: runs.of(arm, "parameters") for arm in runs.arms}
    whole, bare = name_of("all", DEEPEST), name_of("none", DEEPEST)
    levels = levels_of(runs)
    gains = {n: ious[name_of("all", n)] - ious[name_of("none", n)] for n in levels}
    gain = gains[DEEPEST]
    selective, lost = runs.of(whole, "selectivity"), runs.of(whole, "lost")
    shortest = {
        kept: np.array([runs.mean(name_of(kept, n), "paths")[0] for n in levels])
        for kept in ("all", "none")
    }
    is_right = [
        runs.of(arm, "fires")
        == (ious[name_of("all", int(arm.options["levels"]))] - ious[arm.name] > LOST)
        for arm in runs.arms
    ]
    measured: dict[str, Sequence[float]] = {
        "iou": list(gain),
        "boundary": list(edges[whole] - edges[bare]),
        "growth": list(gain - gains[1]),
        "finest": list((ious[name_of("finest", DEEPEST)] - ious[bare]) / gain),
        "deep-pass": list(np.log10(selective[:, 0])),
        "skip-pass": list(np.log10(selective[:, 1])),
        "removal": list(lost[:, 1] - lost[:, 3]),
        "paths-with": [float(shortest["all"][-1] - shortest["all"][0])],
        "paths-without": [float(np.polyfit(levels, shortest["none"], 1)[0])],
        "warning": list(np.mean(is_right, axis=0)),
        "parameters": [
            float(np.abs(numbers[name_of("all", n)] - numbers[name_of("none", n)]).max())
            for n in levels
        ],
        "trained": list(ious[whole]),
        "wide": list(ious[whole] - ious[WIDE]),
        "one-level": list(gains[1]),
        "coarsest": list((ious[name_of("coarsest", DEEPEST)] - ious[bare]) / gain),
        "repair": list((ious[REPAIRED] - ious[bare]) / gain),
    }
    return Conclusion(
        measured=measured,
        reading=_reading(measured, gains, ious, edges, shortest),
        effects=(
            effect(
                f"IoU at {DEEPEST} levels",
                ("all skips", list(ious[whole])),
                ("none", list(ious[bare])),
            ),
            effect(
                f"boundary F1 at {DEEPEST} levels",
                ("all skips", list(edges[whole])),
                ("none", list(edges[bare])),
            ),
        ),
        figures=figures(runs, shortest),
        tables=(_table(runs),),
    )


def _reading(
    measured: Mapping[str, Sequence[float]],
    gains: Mapping[int, np.ndarray],
    ious: Mapping[str, np.ndarray],
    edges: Mapping[str, np.ndarray],
    shortest: Mapping[str, np.ndarray],
) -> str:
    mean = {key: float(np.mean(values)) for key, values in measured.items()}
    passes = {of: 10 ** mean[f"{of}-pass"] for of in ("deep", "skip")}
    whole, bare = name_of("all", DEEPEST), name_of("none", DEEPEST)
    by_level = ", ".join(f"{gain.mean():+.2f} at {n}" for n, gain in gains.items())
    spread = {
        key: f"{10 ** min(measured[key]):.2g} to {10 ** max(measured[key]):.2g}"
        for key in ("deep-pass", "skip-pass")
    }
    return (
        f"At {DEEPEST} levels the net with skips has an IoU of {ious[whole].mean():.2f} and a "
        f"boundary F1 of {edges[whole].mean():.2f}, without {ious[bare].mean():.2f} and "
        f"{edges[bare].mean():.2f}; {ious[WIDE].mean():.2f} with more than twice the parameters. "
        f"The gain of IoU by the number of levels is {by_level}. The finest skip alone brings "
        f"{mean['finest']:.0%} of it, the coarsest {mean['coarsest']:.0%}, and the skips that "
        f"plusone.fix puts in {mean['repair']:.0%}. The deep path lets {passes['deep']:.2g} "
        f"times as much of the high band through as of the low one ({spread['deep-pass']} over "
        f"seeds), the skips {passes['skip']:.2g} times ({spread['skip-pass']}). The shortest path "
        f"has {shortest['all'][-1]:.0f} layers with skips at any depth, "
        f"{shortest['none'][-1]:.0f} without at {DEEPEST} levels. "
        f"S105 said beforehand of {mean['warning']:.0%} of the nets whether they would lose."
    )


def _table(runs: Runs) -> Table:
    keys = ("parameters", "detail", "fires", "iou", "boundary")
    return Table(
        title="All nets: the share of the resolution that some path keeps, S105, scores",
        columns=("skips", "parameters", "detail", "S105", "IoU", "boundary F1"),
        rows=tuple((arm.name, *(float(runs.mean(arm, key)) for key in keys)) for arm in runs.arms),
    )


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
