"""The arms, and what is measured of each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

import plusone
from plusone.labs.base import Arm, Lab, Plan
from plusone.labs.base.lab import Option
from plusone.labs.gan.claim import CLAIM
from plusone.labs.gan.conclusion import (
    FREE,
    FREE_BOTH,
    FULL_ALONE,
    LONGER,
    NORMED,
    NORMED_SKIPS,
    REPAIRED,
    YARDSTICK,
    conclude,
)
from plusone.labs.gan.nets import (
    NUM_NOISE,
    Generator,
    critic,
    critic_decades,
    pictures,
    repaired,
    spread,
)
from plusone.labs.gan.play import EPSILON, Game, play
from plusone.labs.gan.quality import judge, noise_like, specks_like

DEEP, SHALLOW = 12, 2
NUM_MADE, NUM_POINTS = 1000, 20
SMALLEST = 1e-30
CRITICS: Mapping[str, Mapping[str, Option]] = {
    "plain": {"skips": False},
    "residual": {"skips": True},
    "plain, 2 blocks": {"skips": False, "blocks": SHALLOW},
    NORMED: {"skips": False, "spectral": True},
    NORMED_SKIPS: {"skips": True, "spectral": True},
    "plain, He": {"skips": False, "start": "he"},
    FREE: {"skips": False, "epsilon": SMALLEST},
    FREE_BOTH: {"skips": False, "epsilon": SMALLEST, "critic epsilon": SMALLEST},
    LONGER: {"skips": False, "times": 2},
    REPAIRED: {"skips": False, "repaired": True},
}


def plan(is_full: bool) -> Plan:
    data = "mnist" if is_full else "digits"
    shared: dict[str, Option] = {"data": data, "blocks": DEEP, "steps": 800 if is_full else 220}
    # In quick mode the limits have one seed, and some are left out.
    arms = [
        Arm(name=name, options={**shared, **own}, seeds=None if is_full or k < 3 else (0,))
        for k, (name, own) in enumerate(CRITICS.items())
        if is_full or name not in FULL_ALONE
    ]
    return Plan(
        arms=(*arms, Arm(name=YARDSTICK, options=shared)),
        seeds=tuple(range(5 if is_full else 3)),
        data=(data,),
    )


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    name = str(arm.options["data"])
    data, judged = pictures(name), judge(name)
    if arm.name == YARDSTICK:
        dice = torch.Generator().manual_seed(seed)
        noise = noise_like(data.inputs, NUM_MADE, dice)
        return {
            "accuracy": judged.accuracy,
            "real": judged.distance(data.inputs, data.test_inputs),
            "specks": judged.distance(data.inputs, specks_like(data.inputs, NUM_MADE, dice)),
            "noise": judged.distance(data.inputs, noise),
            "noise modes": judged.modes(noise),
        }
    torch.manual_seed(seed)
    real = data.inputs
    generator = Generator(real.shape[1], float(real.min()), float(real.max()))
    net = critic(
        real.shape[1],
        int(arm.options["blocks"]),
        skips=bool(arm.options["skips"]),
        start=str(arm.options.get("start", "pytorch")),
        has_spectral_norm=bool(arm.options.get("spectral", False)),
    )
    if arm.options.get("repaired"):
        net = repaired(net, real[:64])
    report = plusone.scan(net, real[:64], quick=True, timed=False, select=("G201",))
    start, told = critic_decades(net, real[:64]), spread(net, real[:64])
    game = Game(
        steps=int(arm.options["steps"]) * int(arm.options.get("times", 1)),
        epsilons=(
            float(arm.options.get("critic epsilon", EPSILON)),
            float(arm.options.get("epsilon", EPSILON)),
        ),
        seed=seed,
    )
    norms, losses = map(np.asarray, play(net, generator, real, game))
    generator.eval()
    with torch.no_grad():
        dice = torch.Generator().manual_seed(1000 + seed)
        made = generator(torch.randn(NUM_MADE, NUM_NOISE, generator=dice))
    return {
        "start": start,
        "spread": told,
        "is accused": float(bool(report.findings)),
        "end": critic_decades(net, real[:64]),
        "critic": float(losses[len(losses) // 2 :].mean()),
        "gradients": np.median(norms.reshape(NUM_POINTS, -1), axis=1),
        "modes": judged.modes(made),
        "distance": judged.distance(real, made),
        "samples": made[:10],
    }


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
