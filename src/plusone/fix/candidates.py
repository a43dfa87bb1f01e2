"""The repairs that are worth trying on a model, best first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from torch import nn
from torch.nn.modules.conv import _ConvNd

from plusone.fix.branching import branches_of, factors_in_words, norm_first, scaled_branches
from plusone.fix.chains import Style, chain_edits
from plusone.fix.edits import DrawWeights, Edit
from plusone.fix.sites import Survey
from plusone.fix.starting import drawn_weights, is_odd
from plusone.nn.init.branches import Branch
from plusone.records import Finding
from plusone.report import Report
from plusone.target.subject import Subject

Make = Callable[[], tuple[Edit, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A repair: its name in words and what makes its edits."""

    name: str
    make: Make

    def words(self, edits: tuple[Edit, ...]) -> str:
        """The name, and what happens to the branches if the edits scale them."""
        factors = factors_in_words(edits)
        return f"{self.name} ({factors})" if factors else self.name


def candidates(subject: Subject, survey: Survey, report: Report) -> Iterator[Candidate]:
    """Repairs for what the report says, those first that disturb least and train best.

    Nets with skips have their branches scaled first; nets without get skips, with a norm in front
    of each branch where the net has none.
    """
    branches = branches_of(subject)
    yield from _revived(survey, report, branches)
    has_skips = len(branches) * 4 >= len(report.blocks) > 0
    if has_skips:
        yield from _of_branches(survey, report, branches)
    yield from _of_chains(survey, has_skips=has_skips)


def _of_branches(survey: Survey, report: Report, branches: list[Branch]) -> Iterator[Candidate]:
    scaled = partial(scaled_branches, survey, branches, report.blocks)
    yield Candidate(name="pre-norm layers", make=partial(norm_first, survey.model))
    yield Candidate(name="branches scaled", make=scaled)
    yield Candidate(name="branches start at zero", make=partial(scaled, starts_at_zero=True))
    yield Candidate(name="branches scaled, fixed", make=partial(scaled, is_learned=False))
    normed = Style(has_norm=True, has_projections=True)
    yield Candidate(
        name="branches scaled, skips over the rest",
        make=lambda: (*scaled(), *chain_edits(survey, normed)),
    )


def _of_chains(survey: Survey, *, has_skips: bool) -> Iterator[Candidate]:
    normed = {True: "skips with norms", False: "skips"}
    first = not _has_norms(survey)
    draws = drawn_weights(survey)
    draws_first = not has_skips and _is_oddly_started(survey)
    for has_draw in (draws_first, not draws_first):
        if has_draw and (has_skips or not draws):
            continue
        for has_norm in (first, not first):
            for has_projections in (True, False):
                style = Style(has_norm=has_norm, has_projections=has_projections)
                name = normed[has_norm] + (" and projections" if has_projections else "")
                yield Candidate(
                    name=f"weights drawn anew, {name}" if has_draw else name,
                    make=partial(_chained, survey, style, draws if has_draw else ()),
                )
    for style in (
        Style(has_norm=True, start=0.0),
        Style(start=0.0),
        Style(is_coarse=True, has_norm=True),
        Style(is_coarse=True, start=0.0),
    ):
        size = "blocks" if style.is_coarse else "layers"
        begin = "" if style.start is None else " that start at zero"
        name = f"{normed[style.has_norm]} around {size}{begin}"
        yield Candidate(name=name, make=partial(_chained, survey, style, ()))
    if draws:
        yield Candidate(name="weights drawn anew", make=lambda: draws)


def _chained(survey: Survey, style: Style, draws: tuple[Edit, ...]) -> tuple[Edit, ...]:
    skips = chain_edits(survey, style)
    return (*draws, *skips) if skips else ()


def _revived(survey: Survey, report: Report, branches: list[Branch]) -> Iterator[Candidate]:
    """New weights for branches that are dead or hold something that is not finite."""
    places = [f for f in report.findings if f.code in ("S102", "N501")]
    draws = [edit for edit in _of_places(survey, places, branches)]
    if draws:
        yield Candidate(name="spoilt or dead weights drawn anew", make=lambda: tuple(draws))


def _of_places(
    survey: Survey, places: list[Finding], branches: list[Branch]
) -> Iterator[DrawWeights]:
    dead = {f.where for f in places if f.code == "S102"}
    inside = {layer.name for b in branches if b.name in dead for layer in b.layers}
    for path, module in survey.model.named_modules():
        if not isinstance(module, (nn.Linear, _ConvNd)) or survey.is_closed(path):
            continue
        is_spoilt = not bool(module.weight.isfinite().all())
        is_zero = path in inside and not bool(module.weight.any())
        is_shut = path in inside and module.bias is not None and bool((module.bias < -1).all())
        if places and (is_spoilt or is_zero or is_shut):
            yield DrawWeights(path=path, how="xavier", has_bias=module.bias is not None)


def _has_norms(survey: Survey) -> bool:
    """Whether there is a norm for every other layer at least."""
    norms = sum("norm" in op.name and "linalg" not in op.name for op in survey.trace.ops)
    return 2 * norms >= len(survey.weighted)


def _is_oddly_started(survey: Survey) -> bool:
    """Whether most layers' weights are far smaller or larger than any usual start makes them."""
    layers = [m for m in survey.model.modules() if isinstance(m, (nn.Linear, _ConvNd))]
    return 2 * sum(map(is_odd, layers)) > len(layers)
