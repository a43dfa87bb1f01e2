"""The arms, and what is measured of each."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from plusone.labs.base import Arm, Lab, Plan
from plusone.labs.base.lab import Option
from plusone.labs.data import Split
from plusone.labs.layer_paths import layer_paths
from plusone.labs.unet.bands import at_joins, selectivity, spectrum, without_band
from plusone.labs.unet.claim import CLAIM, HIGH, LOW
from plusone.labs.unet.conclusion import conclude
from plusone.labs.unet.encoder_decoder import EncoderDecoder
from plusone.labs.unet.names import (
    DEEPEST,
    ENCODER_DECODER,
    ITS_REPAIR,
    LONGER,
    REPAIRED,
    WIDE,
    name_of,
)
from plusone.labs.unet.nets import (
    END,
    START,
    Kept,
    data_of,
    net_of,
    repaired,
    some,
    trained,
    warning,
)
from plusone.labs.unet.scores import found_by, iou, scores


def plan(is_full: bool) -> Plan:
    data, width, steps = ("nuclei", 8, 200) if is_full else ("vessels", 4, 45)
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
    if is_full:
        own = {**deep, "own": True}
        arms += [
            Arm(name=LONGER, options={**deep, "steps": 5 * steps}),
            Arm(name=ENCODER_DECODER, options=own),
            Arm(name=ITS_REPAIR, options={**own, "repaired": True}),
        ]
    return Plan(arms=tuple(arms), seeds=tuple(range(5 if is_full else 3)), data=(data,))


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    options = arm.options
    data = data_of(str(options["data"]))
    kept, num_levels = cast(Kept, options["kept"]), int(options["levels"])
    width, is_own = int(options["width"]), bool(options.get("own"))
    net: nn.Module = (
        EncoderDecoder(width=width, num_levels=num_levels)
        if is_own
        else net_of(num_levels, kept, width=width)
    )
    if options.get("repaired"):
        net = repaired(net, data)
    fires, detail = warning(net, data)
    found: dict[str, object] = {
        "parameters": sum(p.numel() for p in net.parameters()),
        "fires": fires,
        "detail": detail,
    }
    if not is_own and not options.get("repaired"):
        paths = layer_paths(net, (data.inputs[:2],), START, END)
        found["paths"] = [paths.min_length, paths.mean_length, paths.max_length]
    trained(net, data, steps=int(options["steps"]), seed=seed)
    found["iou"], found["boundary"] = scores(net, data.test_inputs, data.test_targets)
    x, masks = some(data.inputs), some(data.targets)
    found["train iou"] = iou(found_by(net, x), masks > 0)
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
        return iou(found_by(net, x), masks > 0)

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


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
