"""Lab: a residual net as the sum of its paths, and what deletion and exchange of blocks do to it.

For linear branches prod (I + F_l) is the sum over all subsets of branches, exactly. For others the
sum holds for the Jacobian (with the ReLUs' gates fixed), but not for the net: composing branches
without the stream that they are fed misses the net by the second order of their size, as much as
paths of length 1 alone do. Veit, Wilber and Belongie 2016 (arXiv 1605.06431).
"""

from __future__ import annotations

from collections.abc import Mapping

from plusone.labs.base import Arm, Lab, Plan
from plusone.labs.path_ensemble.claim import CLAIM
from plusone.labs.path_ensemble.conclusion import conclude
from plusone.labs.path_ensemble.expansion import linear_numbers, smooth_numbers
from plusone.labs.path_ensemble.nets import cifar_numbers, digits_numbers


def plan(is_full: bool) -> Plan:
    digits = {"blocks": 12, "steps": 550 if is_full else 220}
    arms = [Arm(name="linear"), Arm(name="smooth"), *_nets("", digits)]
    if is_full:
        arms += _nets("CIFAR-10 ", {"blocks": 3, "steps": 600})
    return Plan(
        arms=tuple(arms),
        seeds=tuple(range(5 if is_full else 3)),
        data=("digits", "cifar10") if is_full else ("digits",),
    )


def _nets(prefix: str, options: Mapping[str, int]) -> list[Arm]:
    return [
        Arm(name=f"{prefix}residual", options={**options, "skips": True}),
        Arm(name=f"{prefix}plain", options={**options, "skips": False}),
    ]


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    if arm.name == "linear":
        return linear_numbers(seed)
    if arm.name == "smooth":
        return smooth_numbers(seed)
    return cifar_numbers(arm, seed) if "CIFAR" in arm.name else digits_numbers(arm, seed)


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
