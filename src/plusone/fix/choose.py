"""From a report to a plan: what is missing is put in, then repairs are tried until one is healthy.

A repair is judged as the model was: applied to a copy, which is scanned. Only copies are trained,
in short trials of the model and of the best repairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from torch import nn

from plusone.capture.eager import batch_size
from plusone.errors import CaptureError, PlusoneError
from plusone.fix.bypasses import closed_bypasses
from plusone.fix.candidates import candidates
from plusone.fix.edits import CancelSkip, CloseSkip, Edit, Recall, Remember, WrapInSkip
from plusone.fix.edits.edit import Part
from plusone.fix.edits.skips import InsertSkip
from plusone.fix.pasted import code_of, diff_of
from plusone.fix.plan import Considered, Forecast, Plan, Predicted
from plusone.fix.postnorm import deep_post_norm
from plusone.fix.refuse import is_exported, refusal, shared_modules
from plusone.fix.resolutions import long_skips
from plusone.fix.sites import Survey, survey
from plusone.fix.states import recalled_states
from plusone.fix.surgery import edited, ordered
from plusone.fix.trial import Trial, tried_out
from plusone.records import Finding, ScanConfig
from plusone.report import Report
from plusone.report.numerals import percent
from plusone.scan import scan_subject
from plusone.target.subject import Subject

Tell = Callable[[str, float], None]

# A repair whose scan gives at least this probability, and no trouble, ends the search: above it
# the calibration no longer tells two nets apart.
ENOUGH = 0.95
# Warnings that a net can have with a gradient of the right size, and that keep it from training.
# So many repairs are tried out, best scans first.
_TRIALS = 3
# Probabilities that differ by less are taken for equal.
_NEAR = 0.1
_TROUBLE = ("A302", "A303")
# A net that the scan doubts and that learns its one batch is repaired where the repaired copy needs
# this many times fewer steps.
_FASTER = 4.0
_LEAST = 8


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
class _Trial:
    name: str
    edits: tuple[Edit, ...]
    forecast: Forecast


def make_plan(request: Request, tell: Tell) -> Plan:
    """The plan for a scanned subject."""
    subject, report = request.subject, request.report
    before = forecast(report, subject.model)
    refused = refusal(request.given, subject.model)
    if report.verdict is None:
        why = "; ".join(f"{n.what}: {n.why}" for n in report.not_measured) or "no gradient"
        return _empty(request, f"nothing can be judged, so nothing is repaired ({why})")
    if refused and (is_exported(subject.model) or "script" in refused):
        return _in_words(request, before, refused)
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
    if not is_troubled:
        if not base:
            left = _left_open(request)
            return _empty(request, left or f"nothing to repair: {_healthy(before)}")
        return _made(
            request, before, _Trial(name="", edits=base, forecast=now), reasons, (), refused
        )
    reasons.append(_why(report, depth))
    is_open = not base and before.label != "unstable"
    original = _trial(request, subject.model) if is_open else None
    is_doubted = original is not None and original.learned
    if request.preserve and not is_doubted:
        return _kept(request, before, base, now, reasons, refused)
    trials = _search(request, place, base, tell)
    if base:
        trials.insert(0, _Trial(name="the missing parts alone", edits=base, forecast=now))
    best, found = _confirmed(request, trials, tell)
    if original is not None and original.learned:
        soon = math.inf if found is None else found.steps
        if _FASTER * soon >= original.steps or request.preserve:
            repaired = "" if found is None else f"; its repair: {found}"
            return _empty(
                request,
                f"nothing to repair: {reasons[-1]}; but in a trial the model learns all the same "
                f"({original}{repaired}); --trial 0, trial_steps=0 in Python, trusts the scan",
            )
        reasons.append(f"in a trial the model comes to {original}, its repair to {found}")
    elif original is not None:
        after = "" if best is None else ", and none of its best repairs does"
        if found is not None:
            after = f", and its repair does ({found})"
        reasons.append(f"in a trial the model does not learn ({original}){after}")
    if best is None or _score(best.forecast) <= _score(before):
        return _hopeless(request, before, reasons, trials, place)
    others = tuple(t for t in trials if t is not best)
    return _made(request, before, best, reasons, others, refused)


def forecast(report: Report, model: nn.Module) -> Forecast:
    """What a report says of the model, in the few numbers of a plan."""
    verdict = report.verdict
    hard = dict.fromkeys(f.code for f in report.findings if _is_hard(f))
    return Forecast(
        label=verdict.label if verdict is not None else None,
        probability=verdict.probability if verdict is not None else math.nan,
        log10_gradient_ratio=float(report.end_to_end.log10_gradient_ratio),
        num_parameters=sum(p.numel() for p in model.parameters()),
        trouble=tuple(hard),
        warnings=tuple(dict.fromkeys(f.code for f in report.findings if f.code not in hard)),
    )


def _is_hard(finding: Finding) -> bool:
    """Whether it keeps a net from training."""
    return finding.severity == "error" or finding.code in _TROUBLE


def trouble(found: Forecast) -> str:
    """What keeps the net from training, in a word; "" if nothing does."""
    if found.label != "trainable":
        return found.label or "no verdict"
    return ", ".join(found.trouble)


def _score(found: Forecast) -> tuple[bool, float]:
    return (not trouble(found), found.probability)


def _missing(request: Request, place: Survey) -> tuple[tuple[Edit, ...], list[str]]:
    """Edits that the structure asks for, whatever the gradient's size, with their reasons."""
    edits: list[Edit] = []
    reasons: list[str] = []
    long = long_skips(request.subject, place)
    if long:
        edits += [_zeroed(place, e) for e in long] if request.preserve else long
        reasons.append(
            "the net goes down to a low resolution and up again without a skip, so that no detail "
            "of the input can reach the output"
        )
    found = request.report.findings
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


def _search(request: Request, place: Survey, base: tuple[Edit, ...], tell: Tell) -> list[_Trial]:
    """The candidates' trials, up to the first that is healthy enough."""
    trials: list[_Trial] = []
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


def _tried(request: Request, name: str, edits: tuple[Edit, ...]) -> _Trial:
    model = edited(request.subject.model, edits, seed=request.seed)
    config = ScanConfig(seed=request.seed, quick=True)
    report = scan_subject(replace(request.subject, model=model), config)
    return _Trial(name=name, edits=edits, forecast=forecast(report, model))


def _confirmed(
    request: Request, trials: list[_Trial], tell: Tell
) -> tuple[_Trial | None, Trial | None]:
    """The first of the few best that learns in a trial; if none does, the best by its scan."""
    ranked = _ranked(trials)
    for trial in ranked[:_TRIALS] if request.trial_steps else ():
        tell(f"a trial of: {trial.name}", 0.95)
        model = edited(request.subject.model, trial.edits, seed=request.seed)
        found = _trial(request, model)
        if found is not None and found.learned:
            return trial, found
    return (ranked[0] if ranked else None), None


def _ranked(trials: list[_Trial]) -> list[_Trial]:
    """By their scans; of those about as good as the best, in the order of the candidates."""
    best = max((_score(t.forecast) for t in trials), default=(False, 0.0))

    def place(trial: _Trial) -> tuple[bool, float]:
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


def _why(report: Report, depth: int) -> str:
    verdict = report.verdict
    assert verdict is not None
    if verdict.label != "trainable":
        return f"{verdict.label}: {verdict.reason}"
    found = [f for f in report.findings if _is_hard(f)]
    if found:
        return f"{found[0].code} {found[0].name} at {found[0].where}: {found[0].reason}"
    return (
        f"{depth} post-norm branches in a row: beyond some 36 such nets diverge at the start "
        "(Liu et al. 2020, arXiv 2004.08249)"
    )


def _healthy(found: Forecast) -> str:
    return f"{found.label}, {percent(found.probability)} likely to train"


def _left_open(request: Request) -> str:
    """What to do by hand about a way around the latent that no edit closes; "" without one."""
    told = next((f for f in request.report.findings if f.code == "S107"), None)
    if told is None or request.preserve:
        return ""
    if request.subject.targets is None:
        return (
            f"the model trains, but {told.reason} (S107): with the inputs as targets a repair "
            "closes that way, without targets it may be a U-Net's"
        )
    return (
        f"the model trains, but {told.reason} (S107), and no edit of modules was found that closes "
        f"that way and nothing else: take it out of the forward at {told.where}"
    )


def _made(
    request: Request,
    before: Forecast,
    best: _Trial,
    reasons: Iterable[str],
    others: tuple[_Trial, ...],
    refused: str,
) -> Plan:
    model = request.subject.model
    edits = ordered(best.edits)
    chosen = f"; repair: {best.name}" if best.name else ""
    return Plan(
        target=request.subject.name,
        edits=edits,
        reason="; ".join(reasons) + chosen,
        code=code_of(model, edits, seed=request.seed),
        diff=diff_of(model, edits),
        seed=request.seed,
        predicted=Predicted(before=before, after=best.forecast),
        considered=tuple(
            Considered(name=t.name, num_edits=len(t.edits), after=t.forecast) for t in others
        ),
        notes=_notes(request, best),
        refusal=refused,
        keeps_outputs=keeps_outputs(edits),
    )


def keeps_outputs(edits: Iterable[Edit]) -> bool:
    """Whether all edits leave the outputs as they were."""
    return all(edit.keeps_outputs for edit in edits)


def _notes(request: Request, best: _Trial) -> tuple[str, ...]:
    notes = []
    if trouble(best.forecast):
        notes.append("the best repair that was found does not make the scan healthy")
    if any(not edit.replaces for edit in best.edits):
        notes.append("weights that the model has learned are changed: apply this before training")
    if not keeps_outputs(best.edits):
        notes.append("the edited model computes something else than the model did: train it anew")
    else:
        notes.append("outputs stay bit by bit as they were: all that is new starts at zero")
    if any(isinstance(edit, (InsertSkip, Recall, Remember)) for edit in best.edits):
        notes.append(
            "skips between modules pass a tensor along within one forward: no checkpointing of a "
            "part that holds one end alone, and no two threads in one model"
        )
    return tuple(notes)


def _empty(request: Request, reason: str) -> Plan:
    report, model = request.report, request.subject.model
    now = forecast(report, model) if report.verdict is not None else None
    return Plan(
        target=request.subject.name,
        edits=(),
        reason=reason,
        code="",
        diff="",
        seed=request.seed,
        predicted=Predicted(before=now, after=now) if now is not None else None,
        keeps_outputs=True,
    )


def _in_words(request: Request, before: Forecast, refused: str) -> Plan:
    """For a model whose places cannot be told: the remedies of the findings."""
    if not trouble(before):
        return _empty(request, f"nothing to repair: {_healthy(before)}")
    found = [f for f in request.report.findings if _is_hard(f)]
    advice = " ".join(dict.fromkeys(f"{f.where}: {f.remedy}" for f in found))
    empty = _empty(request, f"{_why(request.report, 0)}. {advice}".strip())
    return replace(empty, refusal=refused)


def _kept(
    request: Request,
    before: Forecast,
    base: tuple[Edit, ...],
    now: Forecast,
    reasons: list[str],
    refused: str,
) -> Plan:
    """With outputs to be kept, what is left of the trouble is said and not repaired."""
    if base:
        reasons.append("no edit that keeps the outputs repairs that")
        return _made(
            request, before, _Trial(name="", edits=base, forecast=now), reasons, (), refused
        )
    reason = (
        f"{'; '.join(reasons)}; no edit that keeps the outputs repairs that: a skip around a plain "
        "layer, or another scale of a branch, changes what the model computes; leave out preserve"
    )
    return replace(_empty(request, reason), refusal=refused)


def _hopeless(
    request: Request,
    before: Forecast,
    reasons: list[str],
    trials: Iterable[_Trial],
    place: Survey,
) -> Plan:
    trials = list(trials)
    if trials:
        why = f"none of {len(trials)} repairs that were tried on a copy makes the scan better"
    else:
        why = shared_modules(place) or "no module was found at which a skip could begin and end"
    return replace(
        _empty(request, "; ".join([*reasons, why])),
        considered=tuple(
            Considered(name=t.name, num_edits=len(t.edits), after=t.forecast) for t in trials
        ),
        refusal=why,
    )
