"""Run one case: scan the model, compare what was found with what is there."""

from __future__ import annotations

import time
import warnings

import plusone
from faults.case import Built, Control, Fault, Outcome
from plusone.report.report import Report

# All probes but the spectra: rules must not need those.
QUICK = {"quick": True, "timed": False}


def run_fault(fault: Fault, **options: object) -> Outcome:
    """Right if the expected code is at a right place and no finding accuses anything else."""
    start = time.perf_counter()
    report = scan(fault.build(), **options)
    hits = [f for f in report.findings if f.code == fault.code and is_at(f.where, fault.where)]
    wrong = tuple(
        f"{f.code} at {f.where or 'the whole net'}"
        for f in report.findings
        if not (f.code == fault.code and is_at(f.where, fault.where)) and f.code not in fault.also
    )
    reason = "" if hits else f"no {fault.code} at {' or '.join(fault.where[:3])}"
    label = report.verdict.label if report.verdict is not None else ""
    if fault.label and label != fault.label:
        reason = f"{reason}; " * bool(reason) + f"the verdict is {label}, not {fault.label}"
    return Outcome(
        kind=fault.kind,
        name=fault.name,
        is_right=not reason and not wrong,
        findings=tuple((f.code, f.where) for f in report.findings),
        label=label,
        wrong=wrong,
        reason=reason,
        seconds=time.perf_counter() - start,
    )


def run_control(control: Control, mode: str = "as-is", **options: object) -> Outcome:
    """Right if nothing is found and the verdict is that the net trains."""
    start = time.perf_counter()
    report = scan(control.build(), mode=mode, **options)
    found = tuple((f.code, f.where) for f in report.findings)
    label = report.verdict.label if report.verdict is not None else ""
    reasons = [f"{f.code} at {f.where}: {f.reason}" for f in report.findings]
    if label not in ("trainable", ""):
        reasons.append(f"the verdict is {label}")
    return Outcome(
        kind=control.kind,
        name=control.name if mode == "as-is" else f"{control.name} ({mode})",
        is_right=not reasons,
        findings=found,
        label=label,
        wrong=tuple(f"{code} at {where}" for code, where in found),
        reason="; ".join(reasons),
        seconds=time.perf_counter() - start,
    )


def scan(built: Built, **options: object) -> Report:
    """The report on a model of a case."""
    with warnings.catch_warnings():
        # Planted faults make torch warn, of empty statistics for example.
        warnings.simplefilter("ignore")
        return plusone.scan(
            built.model,
            built.inputs,
            built.targets,
            built.loss_fn,
            **{**QUICK, **options},
        )


def is_at(where: str, places: tuple[str, ...]) -> bool:
    """Whether a finding's place is one of `places` or inside it."""
    return any(where == p or where.startswith((f"{p}.", f"{p}#", f"{p}@")) for p in places)
