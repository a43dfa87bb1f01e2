"""What a lab is made of, and how it runs: claims, arms, seeds, intervals, what is kept on disk."""

from plusone.labs.base.claim import (
    NOT_NEGATIVE,
    Claim,
    Effect,
    Figure,
    LabResult,
    Outcome,
    Prediction,
    Table,
)
from plusone.labs.base.effects import effect
from plusone.labs.base.lab import Arm, Conclusion, Lab, Plan, Run, Runs
from plusone.labs.base.run import RunConfig, run_lab

__all__ = [
    "NOT_NEGATIVE",
    "Arm",
    "Claim",
    "Conclusion",
    "Effect",
    "Figure",
    "Lab",
    "LabResult",
    "Outcome",
    "Plan",
    "Prediction",
    "Run",
    "RunConfig",
    "Runs",
    "Table",
    "effect",
    "run_lab",
]
