"""A landscape as one SVG file that stands alone: surface, slices and spectral density."""

from __future__ import annotations

from plusone.landscape import Landscape
from plusone.report import svg
from plusone.report.axes import Frame
from plusone.report.landscape_heat import heat_map, heat_style
from plusone.report.landscape_plots import density_plot, slices_plot
from plusone.report.landscape_text import landscape_facts
from plusone.report.numerals import number

WIDTH = 640.0
LEFT, RIGHT = 64.0, WIDTH - 24.0
PANEL = 300.0
SCOPE = ".plusone-landscape"
STYLE = f"""
{SCOPE} {{ color-scheme: light dark; font: 12px system-ui, sans-serif; }}
{SCOPE} .paper {{ fill: light-dark(#ffffff, #14171a); }}
{SCOPE} .open {{ fill: none; stroke: light-dark(#8a929b, #6d757e); }}
{SCOPE} text {{ fill: light-dark(#1d2126, #e4e7ea); }}
{SCOPE} text.title {{ font-size: 14px; font-weight: 600; }}
{SCOPE} text.tick {{ fill: light-dark(#5d646d, #9ba3ad); font-variant-numeric: tabular-nums; }}
{SCOPE} path, {SCOPE} rect {{ shape-rendering: crispEdges; }}
{SCOPE} .lost {{ fill: light-dark(#f6d5bd, #67371a); }}
{SCOPE} .struck {{ stroke: light-dark(#a34a12, #f0a878); fill: none; }}
{SCOPE} .axis {{ stroke: light-dark(#8a929b, #6d757e); }}
{SCOPE} .grid {{ stroke: light-dark(#e3e6ea, #2a3037); }}
{SCOPE} .zero {{ stroke: light-dark(#8a929b, #6d757e); stroke-dasharray: 3 3; }}
{SCOPE} .mark {{ stroke: light-dark(#b3261e, #ffb4a9); stroke-width: 2; fill: none;
  shape-rendering: auto; }}
{SCOPE} .line0, {SCOPE} .line1 {{ fill: none; stroke-width: 2; shape-rendering: auto; }}
{SCOPE} .line0 {{ stroke: light-dark(#1f5f99, #7db8ec); }}
{SCOPE} .line1 {{ stroke: light-dark(#a34a12, #f0a878); stroke-dasharray: 6 3; }}
{SCOPE} .band {{ fill: light-dark(#1f5f99, #7db8ec); fill-opacity: 0.22; }}
{heat_style(SCOPE)}
"""


def landscape_svg(found: Landscape, *, title: str = "") -> str:
    """The pictures of what was measured, below one another, light or dark as the reader has it."""
    parts, height = _panels(found)
    name = title or f"{found.target}: loss {number(found.loss)}"
    paper = svg.rectangle(0, 0, WIDTH, height, class_="paper")
    heading = svg.label(24, 26, svg.shortened(name, width=WIDTH - 48), class_="title", title=name)
    spoken = ". ".join(f"{label}: {text}" for label, text in landscape_facts(found))
    return svg.standalone(
        paper + heading + parts,
        STYLE,
        width=WIDTH,
        height=height,
        label=spoken,
        class_=SCOPE.removeprefix("."),
    )


def _panels(found: Landscape) -> tuple[str, float]:
    parts = []
    top = 68.0
    if found.surface is not None:
        # Square cells, with room for the scale of levels on the right.
        frame = Frame(left=LEFT, top=top, right=LEFT + 440, bottom=top + 440)
        parts.append(heat_map(found.surface, frame))
        note = "circle: the model; cross: the lowest point; struck out: not finite"
        parts.append(svg.label(LEFT, frame.bottom + 56, note, class_="tick"))
        top = frame.bottom + 96
    if any(loss is not None for piece in found.slices for loss in piece.losses):
        parts.append(
            slices_plot(found.slices, Frame(left=LEFT, top=top, right=RIGHT, bottom=top + 170))
        )
        top += 170 + 76
    if found.density is not None and found.density.nodes:
        frame = Frame(left=LEFT, top=top, right=RIGHT, bottom=top + 170)
        parts.append(density_plot(found.density, frame))
        top += 170 + 76
    return "".join(parts), max(top - 28, 60.0)
