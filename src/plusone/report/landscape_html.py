"""A landscape as one HTML page without scripts, and as one that turns with the mouse."""

from __future__ import annotations

import numpy as np
from markupsafe import escape

from plusone.landscape import Landscape
from plusone.report.landscape_svg import landscape_svg
from plusone.report.landscape_text import landscape_facts, landscape_json
from plusone.target.extras import import_extra

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 44rem; padding: 0 1rem;
  color: light-dark(#1d2126, #e4e7ea); background: light-dark(#ffffff, #14171a); }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.3rem 1rem; }
dt { color: light-dark(#5d646d, #9ba3ad); }
dd { margin: 0; }
svg { max-width: 100%; height: auto; }
"""


def landscape_html(found: Landscape) -> str:
    """The page: the numbers with their errors, then the pictures; its numbers embedded as JSON."""
    facts = "".join(
        f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>"
        for label, text in landscape_facts(found, sign="±")
    )
    numbers = landscape_json(found, indent=0).replace("<", "\\u003c")
    title = escape(f"Loss landscape of {found.target}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<dl>{facts}</dl>{landscape_svg(found)}"
        f'<script type="application/json" id="numbers">{numbers}</script></body></html>\n'
    )


def landscape_interactive(found: Landscape) -> str:
    """The surface in three dimensions as one offline HTML page, by plotly.

    Raises:
        MissingExtraError: plotly is not installed.
    """
    graphs = import_extra("plotly.graph_objects", extra="landscape")
    figure = graphs.Figure()
    if found.surface is not None:
        heights = found.surface.array()
        is_log = not bool((heights <= 0).any())
        with np.errstate(invalid="ignore"):
            colours = np.log10(heights) if is_log else heights
        figure.add_trace(
            graphs.Surface(
                x=found.surface.across,
                y=found.surface.up,
                z=heights.tolist(),
                surfacecolor=colours.tolist(),
                colorscale="Viridis",
                colorbar={"title": {"text": "log10 of the loss" if is_log else "loss"}},
            )
        )
        figure.update_scenes(
            xaxis_title="first direction",
            yaxis_title="second direction",
            zaxis={"title": {"text": "loss"}, "type": "log" if is_log else "linear"},
        )
    else:
        for number, piece in enumerate(found.slices):
            line = graphs.Scatter(x=piece.positions, y=piece.losses, name=f"direction {number + 1}")
            figure.add_trace(line)
        figure.update_layout(xaxis_title="filter lengths", yaxis_title="loss")
    figure.update_layout(title={"text": f"Loss landscape of {found.target}"}, height=700)
    page: str = figure.to_html(include_plotlyjs=True, full_html=True)
    return page
