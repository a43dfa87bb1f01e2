"""Lab: residual blocks as the weak learners of a boosted ensemble.

A block that steps along the negative gradient of its input lowers the loss of whatever reads the
stream, L(h + F) = L(h) - |F| |dL/dh| cos + ...: iterative inference (Greff et al. 2017; Jastrzebski
et al. 2018). Boosting goes further: blocks trained one after another would do as well as all at
once (Huang et al. 2018).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from plusone.labs.base import Arm, Lab, Plan
from plusone.labs.boosting.claim import CLAIM
from plusone.labs.boosting.conclusion import conclude
from plusone.labs.boosting.ensembles import block_by_block, boosted_trees, num_rounds
from plusone.labs.boosting.pictures import RANDOM_START
from plusone.labs.boosting.views import views
from plusone.labs.data import Split, digits, mnist
from plusone.labs.training import TrainConfig, accuracy, mean_loss, train
from plusone.nn.models import MLP

RATE = 3e-3


def plan(is_full: bool) -> Plan:
    options = (
        {"width": 64, "blocks": 12, "steps": 550}
        if is_full
        else {"width": 48, "blocks": 8, "steps": 200}
    )
    stepwise = {**options, "steps": 550 if is_full else 120}
    arms = [
        Arm(name="residual", options=options),
        Arm(name="plain", options=options),
        Arm(name="untrained", options=options),
        Arm(name="block by block", options=stepwise),
        Arm(name="trees", options=options),
    ]
    if is_full:
        arms.append(Arm(name=RANDOM_START, options=stepwise))
        larger = {"width": 96, "blocks": 12, "steps": 800}
        arms += [Arm(name=f"MNIST {name}", options=larger) for name in ("residual", "plain")]
    return Plan(
        arms=tuple(arms),
        seeds=tuple(range(6 if is_full else 3)),
        data=("digits", "mnist") if is_full else ("digits",),
    )


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    data = _mnist() if arm.name.startswith("MNIST") else digits()
    net = MLP(
        data.inputs.shape[1],
        10,
        width=int(arm.options["width"]),
        num_blocks=int(arm.options["blocks"]),
        skips=not arm.name.endswith("plain"),
        norm="batch",
    )
    config = TrainConfig(
        steps=int(arm.options["steps"]), learning_rate=RATE, optimizer="adam", clip=1.0, seed=seed
    )
    if arm.name == "trees":
        rounds = num_rounds(sum(p.numel() for p in net.parameters()), 10)
        return {"accuracy": boosted_trees(data, rounds, seed), "rounds": rounds}
    if arm.name in ("block by block", RANDOM_START):
        return block_by_block(net, data, config, from_identity=arm.name != RANDOM_START)
    if arm.name == "untrained":
        torch.optim.swa_utils.update_bn([data.inputs], net)
    else:
        train(net, data.inputs, data.targets, config)
    return {
        "accuracy": accuracy(net, data.test_inputs, data.test_targets),
        "training loss": mean_loss(net, data.inputs, data.targets),
        **views(net, data),
    }


def _mnist() -> Split:
    found = mnist()
    return found._replace(inputs=found.inputs.flatten(1), test_inputs=found.test_inputs.flatten(1))


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
