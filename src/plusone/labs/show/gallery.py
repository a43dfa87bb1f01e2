"""All labs as one offline HTML page, a printed page for each claim."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import jinja2
from markupsafe import Markup

from plusone.labs.base.claim import LabResult
from plusone.labs.show.text import (
    COUNTING,
    INTERVALS,
    ROLES,
    YES_NO,
    cell,
    effect_sentence,
    measured,
    predicted,
    run_sentence,
)
from plusone.report.html import style


def gallery_html(results: Sequence[LabResult]) -> str:
    """The page: a list of verdicts, then each claim with its numbers, pictures and command."""
    page = _environment().get_template("gallery.html.j2")
    return page.render(
        results=results,
        roles=dict(ROLES),
        legend=f"{COUNTING} {INTERVALS}",
        style=style(),
        counts={v: sum(r.verdict == v for r in results) for v in ("holds", "mixed", "fails")},
    )


@cache
def _environment() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("plusone.labs.show"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.filters |= {
        "predicted": predicted,
        "measured": measured,
        "yes_no": YES_NO.__getitem__,
        "effect": effect_sentence,
        "run": run_sentence,
        "cell": cell,
        "svg": Markup,
    }
    return templates
