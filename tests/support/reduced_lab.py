"""A lab on a plan smaller than its own, run here and now without a store."""

from __future__ import annotations

import torch

from plusone.labs.base import Lab, LabResult, Plan, Runs
from plusone.labs.base.lab import Run
from plusone.labs.base.run import result_of


def run_plan(lab: Lab, plan: Plan) -> LabResult:
    runs = []
    for arm in plan.arms:
        for seed in plan.seeds_of(arm):
            torch.manual_seed(seed)
            runs.append(Run(arm=arm, seed=seed, numbers=lab.measure(arm, seed), seconds=0.0))
    return result_of(lab, Runs(plan, tuple(runs)), is_full=False)


def verdicts(result: LabResult) -> dict[str, str]:
    return {outcome.prediction.key: outcome.verdict for outcome in result.outcomes}


def means(result: LabResult) -> dict[str, float]:
    return {outcome.prediction.key: outcome.mean for outcome in result.outcomes}
