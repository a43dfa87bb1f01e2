"""Two reports side by side as one offline HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from plusone.report.axes import NARROW, WIDE
from plusone.report.diff import difference
from plusone.report.html import HealthyBand, environment, style
from plusone.report.profile import DEFAULT_BAND, profile

if TYPE_CHECKING:
    from plusone.report.report import Report


def compare_html(a: Report, b: Report, *, band: HealthyBand = DEFAULT_BAND) -> str:
    """The comparison of two reports as a page: summary, findings, profiles, common blocks."""
    body = (
        environment()
        .get_template("diff.html.j2")
        .render(
            before=a.data,
            after=b.data,
            found=difference(a.data, b.data),
            pictures=[
                (
                    title,
                    Markup(profile(report.data, width=WIDE, band=band)),
                    Markup(profile(report.data, width=NARROW, band=band)),
                )
                for title, report in (("Before", a), ("After", b))
            ],
        )
    )
    title = f"{a.target} / {b.target}"
    return (
        environment()
        .get_template("report.html.j2")
        .render(title=title, style=style(), body=Markup(body), numbers="")
    )
