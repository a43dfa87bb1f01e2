"""Figures of one or more reports as one SVG file that stands alone: for pages, papers, slides."""

from __future__ import annotations

import re
from collections.abc import Sequence

from plusone.records import ReportData
from plusone.report import svg
from plusone.report.axes import WIDE
from plusone.report.figures import figures
from plusone.report.html import style
from plusone.report.profile import DEFAULT_BAND, HealthyBand

MARGIN = 20.0
TITLE_HEIGHT = 30.0
GAP = 18.0
_PICTURE = re.compile(r'<svg viewBox="0 0 [\d.]+ ([\d.]+)"[^>]*>(.*)</svg>', re.DOTALL)


def sheet(
    reports: Sequence[ReportData],
    *,
    only: Sequence[str] = (),
    titles: Sequence[str] = (),
    band: HealthyBand = DEFAULT_BAND,
) -> str:
    """The figures of `reports` below one another, light or dark as the reader has it.

    `only` gives the headings of the figures to show (all by default), `titles` what stands above
    each report in place of its target.
    """
    parts: list[str] = []
    top = MARGIN
    for number, data in enumerate(reports):
        name = titles[number] if titles else data.target
        verdict = f": {data.verdict.label}" if data.verdict is not None else ""
        parts.append(svg.label(MARGIN, top + 14, name + verdict, class_="sheet-title"))
        top += TITLE_HEIGHT
        for figure in figures(data, band=band):
            if only and figure.title not in only:
                continue
            found = _PICTURE.fullmatch(str(figure.wide))
            assert found is not None
            parts.append(svg.label(MARGIN, top + 12, figure.title, class_="panel-title"))
            shift = f"translate({svg.coordinate(MARGIN)} {svg.coordinate(top + GAP)})"
            parts.append(svg.element("g", found[2], transform=shift))
            top += GAP + float(found[1]) + GAP
    width, height = WIDE + 2 * MARGIN, top - GAP + MARGIN
    paper = svg.rectangle(0, 0, width, height, class_="paper")
    inside = svg.element("g", paper + "".join(parts), class_="plusone-report")
    return svg.element(
        "svg",
        svg.element("style", _style()) + inside,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {svg.coordinate(width)} {svg.coordinate(height)}",
        width=width,
        height=height,
    )


def _style() -> str:
    """The report's style without comments of its own, and what a sheet adds."""
    return (
        (
            f"{style()}\n"
            ".plusone-report .paper { fill: var(--paper); }\n"
            ".plusone-report text.sheet-title { font-size: 16px; font-weight: 650; }\n"
        )
        .replace("&", "&amp;")
        .replace("<", "&lt;")
    )
