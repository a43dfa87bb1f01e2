"""A report as one HTML page that needs no network, no scripts and no second file."""

from __future__ import annotations

import functools
import re

import jinja2
from markupsafe import Markup, escape

from plusone.records import ReportData
from plusone.report import facts, json, lines
from plusone.report.blocktable import Row, rows, widths
from plusone.report.columns import errors_note, measured
from plusone.report.figures import figures
from plusone.report.numerals import factor
from plusone.report.places import common_prefix
from plusone.report.profile import DEFAULT_BAND, HealthyBand

__all__ = ["DEFAULT_BAND", "EMBED_BUDGET", "HealthyBand", "fragment", "page"]

EMBED_BUDGET = 95_000
"""Bytes that a page may have with its numbers embedded as JSON; beyond, they are left out."""


def page(data: ReportData, *, band: HealthyBand = DEFAULT_BAND) -> str:
    """The whole page; its numbers are embedded as JSON where `EMBED_BUDGET` allows.

    `band` is what the gradient and signal figures shade as healthy.
    """
    body = fragment(data, band=band, is_styled=False)
    template = environment().get_template("report.html.j2")
    bare = template.render(title=data.target, style=style(), body=Markup(body), numbers="")
    numbers = script_safe(json.encode(data).decode())
    if len(bare.encode()) + len(numbers.encode()) > EMBED_BUDGET:
        return bare
    return template.render(
        title=data.target, style=style(), body=Markup(body), numbers=Markup(numbers)
    )


def fragment(data: ReportData, *, band: HealthyBand = DEFAULT_BAND, is_styled: bool = True) -> str:
    """The page's body as one element, for notebooks: no ids, and style for itself alone."""
    found = rows(data)
    return (
        environment()
        .get_template("fragment.html.j2")
        .render(
            style=style() if is_styled else "",
            data=data,
            chance=lines.chance(data) if data.verdict else "",
            reason_for_none=lines.reason_for_none(data) if data.verdict is None else "",
            against=lines.against,
            key_facts=key_facts(data),
            structure=facts.structure_facts(data.structure),
            end_to_end=facts.end_to_end_facts(data.end_to_end, sign="±"),
            figures=figures(data, band=band),
            measures=measured(data),
            rows=found,
            widths=widths(data, found),
            prefix=common_prefix(data.blocks).removesuffix("."),
            errors_note=errors_note(data),
            provenance=facts.provenance_facts(data),
        )
    )


@functools.cache
def environment() -> jinja2.Environment:
    """The templates of the package; whatever is put into them is escaped."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("plusone.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.filters["groupby_runs"] = _runs
    templates.filters["powers"] = _powers
    return templates


def _powers(text: str) -> Markup:
    """The text, escaped, with 10^-3 set as a power."""
    return Markup(re.sub(r"10\^(-?[\d.]*\d|\([^)]*\))", _as_power, str(escape(text))))


def _as_power(match: re.Match[str]) -> str:
    exponent = match[1].strip("()").replace("-", "\N{MINUS SIGN}")
    return f"10<sup>{exponent}</sup>"


def _runs(rows: tuple[Row, ...]) -> list[tuple[Row, ...]]:
    """Rows of single blocks together, each folded row for itself."""
    groups: list[tuple[Row, ...]] = []
    for row in rows:
        if groups and not row.inside and not groups[-1][-1].inside:
            groups[-1] = (*groups[-1], row)
        else:
            groups.append((row,))
    return groups


@functools.cache
def style() -> Markup:
    """The style sheet; all of it is for elements inside `.plusone-report` alone."""
    loader = environment().loader
    assert loader is not None
    return Markup(loader.get_source(environment(), "report.css")[0])


def script_safe(text: str) -> str:
    """JSON that no closing tag and no entity in it can lead out of its script element."""
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def key_facts(data: ReportData) -> facts.Facts:
    """The few numbers that stand under the verdict."""
    structure = data.structure
    found = [
        ("blocks", f"{structure.num_blocks:,}"),
        ("depth", f"{structure.depth:,}"),
        ("skips", f"{len(structure.skips):,}"),
        ("paths", facts.path_count(structure.paths)),
    ]
    ratio = data.end_to_end.log10_gradient_ratio
    if ratio.is_measured:
        found.append(("gradient, input / output", factor(ratio)))
    if data.verdict is not None:
        found.append(("findings", f"{len(data.findings):,}"))
    return tuple(found)
