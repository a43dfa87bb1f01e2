"""From a report to a plan: what is missing is put in, then repairs are tried until one is healthy.

A repair is judged as the model was: applied to a copy, which is scanned. Only copies are trained,
in short trials of the model and of the best repairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from torch import nn

from plusone.capture.eager import batch_size
from plusone.errors import CaptureError, PlusoneError
from plusone.fix.bypasses import closed_bypasses
from plusone.fix.candidates import candidates
from plusone.fix.edits import CancelSkip, CloseSkip, Edit, WrapInSkip
from plusone.fix.edits.edit import Part
from plusone.fix.edits.skips import InsertSkip
from plusone.fix.endings import (
    empty,
    healthy,
    hopeless,
    in_words,
    kept,
    left_open,
    made,
    why_troubled,
)
from plusone.fix.plan import Forecast, Plan
from plusone.fix.postnorm import deep_post_norm
from plusone.fix.refuse import is_exported, refusal
from plusone.fix.request import Request, Tried, forecast, trouble
from plusone.fix.resolutions import long_skips
from plusone.fix.sites import Survey, survey
from plusone.fix.states import recalled_states
from plusone.fix.surgery import edited
from plusone.fix.trial import Trial, tried_out
from plusone.records import ScanConfig
from plusone.scan import scan_subject

Tell = Callable[[str, float], None]

# A repair whose scan gives at least this probability, and no trouble, ends the search: above it
# the calibration no longer tells two nets apart.
ENOUGH = 0.95
# So many repairs are tried out, best scans first.
_TRIALS = 3
# Probabilities that differ by less are taken for equal.
_NEAR = 0.1
# A net that the scan doubts and that learns its one batch is repaired where the repaired copy needs
# this many times fewer steps; fewer where the scan is sure (a probability below `_SURE`).
_FASTER, _FASTER_SURE, _SURE = 4.0, 3.0, 0.05
_LEAST = 8


def make_plan(request: Request, tell: Tell) -> Plan:
    """The plan for a scanned subject."""
    subject, report = request.subject, request.report
    before = forecast(report, subject.model)
    refused = refusal(request.given, subject.model)
    if report.verdict is None:
        why = "; ".join(f"{n.what}: {n.why}" for n in report.not_measured) or "no gradient"
        return empty(request, f"nothing can be judged, so nothing is repaired ({why})")
    if refused and (is_exported(subject.model) or "script" in refused):
        return in_words(request, before, refused)
    tell("looking for places to edit", 0.1)
    place = survey(subject)
    base, reasons = _missing(request, place)
    now = before
    if base:
        now = _tried(request, "", base).forecast
    if any(isinstance(edit, (CloseSkip, CancelSkip)) for edit in base) and "S107" in now.warnings:
        reasons.append("another way stays (S107): take it out of the forward")
    depth = deep_post_norm(place)
    is_troubled = bool(trouble(now)) or (depth and not base)
    suspect = "" if base or is_troubled or request.preserve else _suspect(request, now)
    if not is_troubled and not suspect:
        if not base:
            left = left_open(request)
            return empty(request, left or f"nothing to repair: {healthy(before)}")
        return made(request, before, Tried(name="", edits=base, forecast=now), reasons, (), refused)
    reasons.append(suspect or why_troubled(report, depth))
    is_open = not base and before.label != "unstable"
    original = _trial(request, subject.model) if is_open else None
    if suspect and original is None:
        return empty(request, f"nothing to repair: {healthy(before)}")
    is_doubted = original is not None and original.learned
    if request.preserve and not is_doubted:
        return kept(request, before, base, now, reasons, refused)
    trials = _search(request, place, base, tell)
    if base:
        trials.insert(0, Tried(name="the missing parts alone", edits=base, forecast=now))
    best, found = _confirmed(request, trials, tell)
    if original is not None and original.learned:
        soon = math.inf if found is None else found.steps
        faster = _FASTER_SURE if before.probability < _SURE else _FASTER
        if faster * soon >= original.steps or request.preserve:
            repaired = "" if found is None else f"; its repair: {found}"
            trust = "" if suspect else "; --trial 0, trial_steps=0 in Python, trusts the scan"
            return empty(
                request,
                f"nothing to repair: {reasons[-1]}; but in a trial the model learns all the same "
                f"({original}{repaired}){trust}",
            )
        reasons.append(f"in a trial the model comes to {original}, its repair to {found}")
    elif original is not None:
        after = "" if best is None else ", and none of its best repairs does"
        if found is not None:
            after = f", and its repair does ({found})"
        reasons.append(f"in a trial the model does not learn ({original}){after}")
    if best is None or _score(best.forecast) <= _score(before):
        return hopeless(request, before, reasons, trials, place)
    others = tuple(t for t in trials if t is not best)
    return made(request, before, best, reasons, others, refused)


def _suspect(request: Request, found: Forecast) -> str:
    """Why a net whose scan is healthy has to pass a trial, and a search if it fails; or ""."""
    long = next((f for f in request.report.findings if f.code == "S101"), None)
    if long is None or found.probability >= ENOUGH:
        return ""
    return f"{healthy(found)}, and {long.reason} (S101)"


def _score(found: Forecast) -> tuple[bool, float]:
    return (not trouble(found), found.probability)


def _missing(request: Request, place: Survey) -> tuple[tuple[Edit, ...], list[str]]:
    """Edits that the structure asks for, whatever the gradient's size, with their reasons."""
    edits: list[Edit] = []
    reasons: list[str] = []
    found = request.report.findings
    long = long_skips(place, found)
    if long:
        edits += [_zeroed(place, e) for e in long] if request.preserve else long
        reasons.append(
            "the net goes down to a low resolution and up again without a skip, so that no detail "
            "of the input can reach the output"
        )
    closed = () if request.preserve else closed_bypasses(request.subject, place, found)
    if closed:
        edits += closed
        reasons.append(
            "the targets are the inputs, and a skip takes them around the latent, which need hold "
            "nothing: the skip is closed"
        )
    recalled = recalled_states(request.subject, place)
    if recalled:
        edits += recalled
        reasons.append("all that the decoder hears of the sequence is the encoder's last state")
    for finding in request.report.findings if not request.preserve else ():
        site = place.sites.get(finding.where.partition("#")[0])
        fits = site is not None and site.shape == site.output_shape
        if finding.code == "S104" and site is not None and fits:
            edits.append(WrapInSkip(path=site.path))
            reasons.append(finding.reason)
    return tuple(edits), reasons


def _zeroed(place: Survey, edit: Edit) -> Edit:
    """A long skip whose projection starts at zero, so that outputs stay."""
    if not isinstance(edit, InsertSkip):
        return edit
    entered = place.sites[edit.path].shape
    inputs = entered[1] if edit.skip is None else edit.skip.args[0]
    options = (("num_axes", len(entered) - 2),)
    return replace(
        edit, skip=Part(name="ZeroProjection", args=(inputs, entered[1]), options=options)
    )


def _search(request: Request, place: Survey, base: tuple[Edit, ...], tell: Tell) -> list[Tried]:
    """The candidates' trials, up to the first that is healthy enough."""
    trials: list[Tried] = []
    seen: set[tuple[Edit, ...]] = set()
    for k, candidate in enumerate(candidates(request.subject, place, request.report)):
        edits = candidate.make()
        if not edits or edits in seen:
            continue
        seen.add(edits)
        tell(f"trying: {candidate.name}", min(0.15 + 0.05 * k, 0.95))
        try:
            trial = _tried(request, candidate.words(edits), (*base, *edits))
        except CaptureError:  # a repair with which the model does not run is none
            continue
        trials.append(trial)
        if not trouble(trial.forecast) and trial.forecast.probability >= ENOUGH:
            break
    return trials


def _tried(request: Request, name: str, edits: tuple[Edit, ...]) -> Tried:
    model = edited(request.subject.model, edits, seed=request.seed)
    config = ScanConfig(seed=request.seed, quick=True)
    report = scan_subject(replace(request.subject, model=model), config)
    return Tried(name=name, edits=edits, forecast=forecast(report, model))


def _confirmed(
    request: Request, trials: list[Tried], tell: Tell
) -> tuple[Tried | None, Trial | None]:
    """The first of the few best that learns in a trial; if none does, the best by its scan."""
    ranked = _ranked(trials)
    for trial in ranked[:_TRIALS] if request.trial_steps else ():
        tell(f"a trial of: {trial.name}", 0.95)
        model = edited(request.subject.model, trial.edits, seed=request.seed)
        found = _trial(request, model)
        if found is not None and found.learned:
            return trial, found
    return (ranked[0] if ranked else None), None


def _ranked(trials: list[Tried]) -> list[Tried]:
    """By their scans; of those about as good as the best, in the order of the candidates."""
    best = max((_score(t.forecast) for t in trials), default=(False, 0.0))

    def place(trial: Tried) -> tuple[bool, float]:
        is_free, chance = _score(trial.forecast)
        is_near = is_free == best[0] and chance >= best[1] - _NEAR
        return not is_near, 0.0 if is_near else -chance

    return sorted(trials, key=place)


def _trial(request: Request, model: nn.Module) -> Trial | None:
    """How the model does in a trial; None where none was asked for or it does not run.

    Any net learns a handful of samples by heart, so with fewer than `_LEAST` there is no trial.
    """
    batch = batch_size(request.subject.args, request.subject.kwargs)
    if not request.trial_steps or (batch is not None and batch < _LEAST):
        return None
    try:
        return tried_out(request.subject, model, steps=request.trial_steps, seed=request.seed)
    except (RuntimeError, TypeError, ValueError, PlusoneError):  # a loss that fits no constant
        return None
