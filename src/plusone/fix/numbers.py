"""The plan as plain data for JSON, schema "plusone.plan/1"."""

from __future__ import annotations

import math
from dataclasses import asdict

from plusone.fix.plan import Plan
from plusone.fix.verify import Verification


def plan_numbers(
    plan: Plan, recipe: dict[str, object], proof: Verification | None
) -> dict[str, object]:
    """What the plan says, with the recipe that repeats it and the curves, if there are any."""
    found: dict[str, object] = {
        "schema": "plusone.plan/1",
        "target": plan.target,
        "reason": plan.reason,
        "refusal": plan.refusal,
        "keeps_outputs": plan.keeps_outputs,
        "predicted": asdict(plan.predicted) if plan.predicted is not None else None,
        "considered": [asdict(c) for c in plan.considered],
        "notes": list(plan.notes),
        "diff": plan.diff,
        "code": plan.code,
        "recipe": recipe,
        "verification": None,
    }
    if proof is not None:
        verdicts = {"original": proof.original_verdict, "repaired": proof.repaired_verdict}
        found["verification"] = {**asdict(proof), "verdicts": verdicts}
    made = _finite(found)
    assert isinstance(made, dict)
    return made


def _finite(value: object) -> object:
    """The same with None for what JSON has no number for."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return value
