"""The page: headline, the best pattern against the baselines, figures, and how to apply it."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass

import jinja2
from markupsafe import Markup

from plusone.report.facts import Facts
from plusone.report.html import EMBED_BUDGET, environment, script_safe, style
from plusone.report.numerals import number
from plusone.search.result import Result, Tried
from plusone.search.show.figures import best_figure, difference, figures, rivals, score_name
from plusone.search.text import caution


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A pattern in the table, as text; `cells` are score, difference, parameters and skips."""

    name: str
    cells: tuple[str, ...]
    is_best: bool


def page(result: Result) -> str:
    """The whole page; its numbers are embedded as JSON where `EMBED_BUDGET` allows."""
    shell = environment().get_template("report.html.j2")
    title = f"search of {result.space.subject.name}"
    css, body = Markup(style() + _style()), Markup(_body(result))
    bare = shell.render(title=title, style=css, body=body, numbers="")
    numbers = script_safe(json.dumps(result.numbers()))
    if len(bare.encode()) + len(numbers.encode()) > EMBED_BUDGET:
        return bare
    return shell.render(title=title, style=css, body=body, numbers=Markup(numbers))


def _body(result: Result) -> str:
    is_empty = not result.tried
    rival = _rival(result)
    return (
        _environment()
        .get_template("search.html.j2")
        .render(
            result=result,
            score="" if is_empty else number(result.best.score, digits=4),
            score_name=score_name(result),
            key_facts=_key_facts(result),
            caution=caution(result),
            rival=rival,
            rows=_rows(result, rival),
            best_figure=None if is_empty else best_figure(result),
            rivals=() if is_empty else rivals(result),
            figures=() if is_empty else figures(result),
            code="" if is_empty else result.code(),
        )
    )


def _key_facts(result: Result) -> Facts:
    facts = [
        ("places", f"{result.space.num_layers:,}"),
        ("patterns trained", f"{len(result.tried):,}"),
        ("left out untrained", f"{result.num_pruned:,}"),
        ("sampler", result.sampler),
        ("seed", str(result.seed)),
    ]
    if result.tried:
        facts.append(("measure", result.measure or "score"))
        facts.append(("skips of the best", f"{result.best.pattern.num_skips:,}"))
        if result.space.config.scales != ("one",):
            facts.append(("scale of its branches", result.best.pattern.scale))
    return tuple(facts)


def _rival(result: Result) -> Tried | None:
    """What differences are taken from: all-skip, or no skips where that was not trained."""
    named = {t.baseline: t for t in result.tried if t.baseline}
    return named.get("all-skip", named.get("no skips"))


def _rows(result: Result, rival: Tried | None) -> tuple[Row, ...]:
    """The best pattern and the baselines, best first."""
    shown = [t for k, t in enumerate(result.tried) if not k or t.baseline]
    return tuple(
        Row(
            name=t.baseline or "best pattern",
            cells=(
                number(t.score, digits=4),
                "-" if rival is None else difference(t, rival),
                f"{t.num_parameters:,}",
                f"{t.pattern.num_skips:,}",
            ),
            is_best=t is result.tried[0],
        )
        for t in shown
    )


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("plusone.search.show"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


@functools.cache
def _style() -> Markup:
    """What the search's page adds to the style of reports."""
    loader = _environment().loader
    assert loader is not None
    return Markup(loader.get_source(_environment(), "search.css")[0])
