"""Pictures by Matplotlib as SVG whose colours follow the reader's light or dark mode."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

from plusone.labs.base.extra import need

# Light-mode colours of report.css. In the SVG each becomes the variable of that name.
INK, QUIET, RULE, PAPER = "#1d2126", "#5d646d", "#e0e3e7", "#ffffff"
BLUE, ORANGE, GREEN, PURPLE, TEAL, PINK = (
    "#2463a6",
    "#b8540f",
    "#257548",
    "#6b48a3",
    "#0b7377",
    "#a8326f",
)
VARIABLES = {
    INK: "--ink",
    QUIET: "--quiet",
    RULE: "--rule",
    PAPER: "--paper",
    BLUE: "--blue",
    ORANGE: "--orange",
    GREEN: "--green",
    PURPLE: "--purple",
    TEAL: "--teal",
    PINK: "--pink",
}
RESIDUAL, PLAIN = BLUE, ORANGE
"""The colours of a residual and of a plain arm in every picture."""
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, TEAL, PINK)

Axes = Any  # matplotlib.axes.Axes, which is not there without the extra
_PANEL = (4.2, 3.0)  # inches
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "plusone",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
}


def draw(
    paint: Callable[[Sequence[Axes]], None],
    *,
    panels: int = 1,
    panel: tuple[float, float] = _PANEL,
    columns: int = 2,
) -> str:
    """The picture that `paint` makes on `panels` axes, as SVG markup without a header.

    Panels stand in rows of at most `columns`; `panel` is the size of one in inches. Colours of this
    file become CSS variables, which the page (or `alone`) defines.
    """
    matplotlib = need("matplotlib")
    figures = need("matplotlib.figure")
    wide = min(panels, columns)
    high = -(-panels // wide)
    with matplotlib.rc_context({**_STYLE, "axes.prop_cycle": matplotlib.cycler(color=list(CYCLE))}):
        figure = figures.Figure(figsize=(panel[0] * wide, panel[1] * high), layout="constrained")
        axes = figure.subplots(high, wide, squeeze=False).flat
        shown = list(axes)
        for spare in shown[panels:]:
            spare.set_axis_off()
        paint(shown[:panels])
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return _themed(stream.getvalue())


def band(axes: Axes, x: Sequence[float], low: Any, high: Any, color: str) -> None:
    """A pale area between two lines, for the range over seeds."""
    axes.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0)


def ticks(axes: Axes, x: Sequence[float]) -> None:
    """Ticks at `x` alone on the horizontal axis, written out, on a logarithmic axis too."""
    axes.set_xticks(x, [f"{value:g}" for value in x])
    axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)


def alone(svg: str) -> str:
    """A picture of `draw` as a file of its own, with the colours' values in it."""
    from plusone.report.html import style

    values = re.findall(r"(--[a-z]+): (light-dark\([^)]*\));", style())
    wanted = {name: value for name, value in values if name in VARIABLES.values()}
    declared = " ".join(f"{name}: {value};" for name, value in wanted.items())
    sheet = (
        f"<style>svg {{ color-scheme: light dark; {declared} background: var(--paper); }}</style>"
    )
    head, end, rest = svg.partition(">")
    return f"{head}{end}{sheet}{rest}"


def _themed(svg: str) -> str:
    """The `<svg>` element alone, without ids that two pictures on one page would share."""
    svg = svg[svg.index("<svg") :].strip()
    for color, name in VARIABLES.items():
        svg = svg.replace(f"{color}", f"var({name})")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    mark = f"p{abs(hash_of(svg)) % 10**8:08d}"
    svg = re.sub(r'id="([^"]+)"', rf'id="{mark}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{mark}-\1"', svg)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{mark}-\1)", svg)


def hash_of(text: str) -> int:
    """A number that two different texts hardly share, the same in every process."""
    import zlib

    return zlib.crc32(text.encode())
