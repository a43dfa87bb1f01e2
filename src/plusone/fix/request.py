"""What is asked of a repair, and what a scan foretells of a model, in the few numbers of a plan."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

from plusone.fix.edits import Edit
from plusone.fix.plan import Forecast
from plusone.records import Finding
from plusone.report import Report
from plusone.target.subject import Subject

# Warnings that a net can have with a gradient of the right size, and that keep it from training.
_TROUBLE = ("A302", "A303")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be repaired and how; `given` is the model as the user gave it."""

    given: object
    subject: Subject
    report: Report
    preserve: bool
    seed: int
    trial_steps: int = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A repair, and what the scan of a copy with it foretells."""

    name: str
    edits: tuple[Edit, ...]
    forecast: Forecast


def forecast(report: Report, model: nn.Module) -> Forecast:
    """What a report says of the model, in the few numbers of a plan."""
    verdict = report.verdict
    hard = dict.fromkeys(f.code for f in report.findings if is_hard(f))
    return Forecast(
        label=verdict.label if verdict is not None else None,
        probability=verdict.probability if verdict is not None else math.nan,
        log10_gradient_ratio=float(report.end_to_end.log10_gradient_ratio),
        num_parameters=sum(p.numel() for p in model.parameters()),
        trouble=tuple(hard),
        warnings=tuple(dict.fromkeys(f.code for f in report.findings if f.code not in hard)),
    )


def is_hard(finding: Finding) -> bool:
    """Whether it keeps a net from training."""
    return finding.severity == "error" or finding.code in _TROUBLE


def trouble(found: Forecast) -> str:
    """What keeps the net from training, in a word; "" if nothing does."""
    if found.label != "trainable":
        return found.label or "no verdict"
    return ", ".join(found.trouble)
