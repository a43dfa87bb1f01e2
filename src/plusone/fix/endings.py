"""The plan in which a search ends: a repair, none needed, none allowed, or none found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from plusone.fix.edits import Edit, InsertSkip, Recall, Remember
from plusone.fix.edits.edit import module_at
from plusone.fix.pasted import code_of, diff_of
from plusone.fix.plan import Considered, Forecast, Plan, Predicted
from plusone.fix.refuse import shared_modules
from plusone.fix.request import Request, Tried, forecast, is_hard, trouble
from plusone.fix.sites import Survey
from plusone.fix.surgery import ordered
from plusone.report import Report
from plusone.report.numerals import percent


def why_troubled(report: Report, depth: int) -> str:
    """What keeps the model from training, as the plan's reason."""
    verdict = report.verdict
    assert verdict is not None
    if verdict.label != "trainable":
        return f"{verdict.label}: {verdict.reason}"
    found = [f for f in report.findings if is_hard(f)]
    if found:
        return f"{found[0].code} {found[0].name} at {found[0].where}: {found[0].reason}"
    return (
        f"{depth} post-norm branches in a row: beyond some 36 such nets diverge at the start "
        "(Liu et al. 2020, arXiv 2004.08249)"
    )


def healthy(found: Forecast) -> str:
    """The verdict, where nothing is wrong."""
    return f"{found.label}, {percent(found.probability)} likely to train"


def left_open(request: Request) -> str:
    """What to do by hand about a narrow place or a way around the latent that no edit mends; ""
    without one."""
    for found in request.report.findings if not request.preserve else ():
        if found.code in ("S105", "S106"):
            return (
                f"{found.reason} ({found.code}), and no edit of modules was found that leads "
                f"around it: {found.remedy}"
            )
        if found.code != "S107":
            continue
        if request.subject.targets is None:
            return (
                f"the model trains, but {found.reason} (S107): with the inputs as targets a repair "
                "closes that way, without targets it may be a U-Net's"
            )
        return (
            f"the model trains, but {found.reason} (S107), and no edit of modules was found that "
            f"closes that way and nothing else: take it out of the forward at {found.where}"
        )
    return ""


def made(
    request: Request,
    before: Forecast,
    best: Tried,
    reasons: Iterable[str],
    others: tuple[Tried, ...],
    refused: str,
) -> Plan:
    """The plan of the repair `best`; `others` were tried too."""
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


def _notes(request: Request, best: Tried) -> tuple[str, ...]:
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
    touched = [module_at(request.subject.model, edit.path) for edit in best.edits if edit.path]
    if any(_is_frozen(module) for module in touched):
        notes.append(
            "new weights learn, also in parts that are frozen: freeze them too where such a part "
            "is to stay as it is"
        )
    if any(is_parametrized(part) for module in touched for part in module.modules()):
        notes.append(
            "weights are parametrized (a spectral norm?), new norms and skips are not: a Lipschitz "
            "bound of the model, if it had one, no longer holds"
        )
    return tuple(notes)


def _is_frozen(module: nn.Module) -> bool:
    held = list(module.parameters())
    return bool(held) and not any(p.requires_grad for p in held)


def empty(request: Request, reason: str) -> Plan:
    """A plan without edits."""
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


def in_words(request: Request, before: Forecast, refused: str) -> Plan:
    """For a model whose places cannot be told: the remedies of the findings."""
    if not trouble(before):
        return empty(request, f"nothing to repair: {healthy(before)}")
    found = [f for f in request.report.findings if is_hard(f)]
    advice = " ".join(dict.fromkeys(f"{f.where}: {f.remedy}" for f in found))
    plan = empty(request, f"{why_troubled(request.report, 0)}. {advice}".strip())
    return replace(plan, refusal=refused)


def kept(
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
        return made(request, before, Tried(name="", edits=base, forecast=now), reasons, (), refused)
    reason = (
        f"{'; '.join(reasons)}; no edit that keeps the outputs repairs that: a skip around a plain "
        "layer, or another scale of a branch, changes what the model computes; leave out preserve"
    )
    return replace(empty(request, reason), refusal=refused)


def hopeless(
    request: Request,
    before: Forecast,
    reasons: list[str],
    trials: Iterable[Tried],
    place: Survey,
) -> Plan:
    """No repair was better than the model as it is."""
    trials = list(trials)
    if trials:
        why = f"none of {len(trials)} repairs that were tried on a copy makes the scan better"
    else:
        why = shared_modules(place) or "no module was found at which a skip could begin and end"
    return replace(
        empty(request, "; ".join([*reasons, why])),
        considered=tuple(
            Considered(name=t.name, num_edits=len(t.edits), after=t.forecast) for t in trials
        ),
        refusal=why,
    )
