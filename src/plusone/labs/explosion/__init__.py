"""Lab: how much a residual net amplifies, against the bound by spectral norms and its mean.

|J_L ... J_1| <= prod (1 + beta_l) always holds, but is met only where the branches' leading
directions line up. What a vector meets on average is the mean gain |J_l|_F / sqrt(n) of each block,
(1 + a)^(L/2) for L branches that multiply the second moment by a (Hayou et al. 2021; 1 for He's
weights): a^(1/2) is much less than beta.
"""

from __future__ import annotations

from collections.abc import Mapping

from plusone.labs.base import Arm, Lab, Plan
from plusone.labs.explosion.claim import CLAIM
from plusone.labs.explosion.conclusion import conclude
from plusone.labs.explosion.nets import (
    FORMS,
    depths_up_to,
    growth,
    made,
    mean_square_over_nets,
    trained_numbers,
)


def plan(is_full: bool) -> Plan:
    options = (
        {"width": 64, "blocks": 24, "steps": 400, "deepest": 64}
        if is_full
        else {"width": 40, "blocks": 12, "steps": 100, "deepest": 32}
    )
    return Plan(
        arms=tuple(Arm(name=name, options=options) for name in FORMS),
        seeds=tuple(range(6 if is_full else 3)),
        data=("digits",),
    )


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    form, width = FORMS[arm.name], int(arm.options["width"])
    depths = depths_up_to(int(arm.options["deepest"]))
    by_depth = [growth(made(form, depth, width), has_skips=form.has_skips) for depth in depths]
    numbers = trained_numbers(
        arm.name, int(arm.options["blocks"]), width, int(arm.options["steps"]), seed
    )
    if arm.name == "residual":
        numbers["over nets"] = mean_square_over_nets(form, 32, width)
    return {
        **numbers,
        "depths": [found["columns"] for found in by_depth],
        "excess": [value for found in by_depth for value in found["excess"]],
    }


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
