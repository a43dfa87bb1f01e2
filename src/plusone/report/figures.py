"""The figures of a report in reading order, each with the sentences that say how to read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from plusone.records import ReportData
from plusone.report.arcs import arc_map
from plusone.report.axes import NARROW, WIDE
from plusone.report.facts import paths_sentence
from plusone.report.intervals import intervals
from plusone.report.numerals import number
from plusone.report.pathlaw import path_law
from plusone.report.profile import HealthyBand, profile
from plusone.report.smoothing import smoothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A heading, a caption, and the picture for wide and for narrow screens."""

    title: str
    caption: str
    wide: Markup
    narrow: Markup


def figures(data: ReportData, *, band: HealthyBand) -> tuple[Figure, ...]:
    """All figures for which there is something to show."""
    low, high = (number(factor) for factor in band.gradient)
    first_low, first_high = (number(factor) for factor in band.signal)
    candidates: tuple[tuple[str, str, Callable[[float], str]], ...] = (
        (
            "Skips over depth",
            "Blocks from input (left) to output (right). Each arc is a skip and spans the blocks "
            "that it goes around. Filled marks are residual blocks; hollow ones have no skip of "
            "their own.",
            lambda width: arc_map(data, width=width),
        ),
        (
            "Gradient and signal over depth",
            f"Shaded: gradient within {low} to {high} times that of the last block, signal "
            f"within {first_low} to {first_high} times that of the first.",
            lambda width: profile(data, width=width, band=band),
        ),
        (
            "Jacobian of each block",
            "From the rms of each block's singular values (lower end) to the largest one (upper "
            "end): by these factors a small change of its input grows in the mean over all "
            "directions, and at most. A gradient on its way back grows alike.",
            lambda width: intervals(data, width=width),
        ),
        (
            "Path lengths",
            f"Paths from input to output: {paths_sentence(data.structure.paths)}. Lines stand at "
            "the means.",
            lambda width: path_law(data, width=width),
        ),
        (
            "Smoothing and rank",
            "A cosine near 1 says that representations have become alike; the effective rank "
            "counts the directions that they still span.",
            lambda width: smoothing(data, width=width),
        ),
    )
    return tuple(
        Figure(title=title, caption=caption, wide=Markup(wide), narrow=Markup(draw(NARROW)))
        for title, caption, draw in candidates
        if (wide := draw(WIDE))
    )
