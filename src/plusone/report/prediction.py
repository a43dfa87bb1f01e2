"""A prediction in the words of the terminal, and as plain numbers for JSON."""

from __future__ import annotations

import math

from plusone.report.layout import labelled
from plusone.report.numerals import number, power
from plusone.theory import Outlook, PhaseDiagram, Setting
from plusone.theory.outlook import MOST_DEPTH

LN10 = math.log(10.0)
PARALLEL = 1e-4
"""The 1 - c below which rule A303 calls two inputs parallel."""


def prediction_text(outlook: Outlook, *, width: int = 100) -> str:
    """The outlook as labelled sentences of at most `width` columns."""
    found = outlook.prediction
    typical, rms = float(found.log10_typical_norm), float(found.log10_rms_norm)
    spread = math.sqrt(max(float(found.var_log_norm), 0.0)) / LN10
    depth = int(found.setting.depth)
    gaps = outlook.correlation.log_gap
    rows = [
        ("net", setting_sentence(found.setting)),
        ("gradient", _verdict(str(found.label), typical, found.window)),
        (
            "typical",
            f"gradient at the input over that at the output: {power(typical)} in the typical net"
            + (f", for two nets of three within a factor of {power(spread)}" if spread > 0 else ""),
        ),
        ("mean", _mean(rms, typical)),
        (
            "depth",
            f"{number(float(found.effective_depth))} of {depth:,} branches on the paths that carry "
            "the mean square",
        ),
        ("inputs", f"the cosine of two unlike inputs {_cosine(gaps[-1])}"),
    ]
    if outlook.bounds is not None:
        plain, upper = (
            float(log.sum()) / LN10 for log in (outlook.bounds.log_plain, outlook.bounds.log_upper)
        )
        rows.append(
            (
                "bounds",
                f"on the Jacobian's norm: {power(plain)} without skips, {power(upper)} with one "
                "around each branch",
            )
        )
    if outlook.largest_depth is not None and outlook.densities is not None:
        rows.append(("window", _window(outlook)))
    units = "very many units" if found.setting.width is None else "many nets on average"
    rows.append(
        (
            "assumes",
            f"random weights, as at the start, and {units}: a scan of one net, trained or narrow, "
            "may say otherwise",
        )
    )
    return "\n".join(line for name, text in rows for line in labelled(name, text, width=width))


def setting_sentence(setting: Setting) -> str:
    """What is predicted: "200 blocks, 30 % with a skip, linear, gain 1, scale 1, no norm"."""
    depth, density = int(setting.depth), float(setting.density)
    norm = "no norm" if setting.norm == "none" else f"{setting.norm} norm ({setting.placement})"
    scale = setting.scale
    if not isinstance(scale, str):
        scale = f"{scale:g}" if isinstance(scale, int | float) else "one for each block"
    parts = [
        f"{depth:,} block{'s' if depth > 1 else ''}",
        f"{100 * density:.3g} % with a skip",
        setting.activation,
        f"gain {float(setting.gain):.3g}",
        f"scale {scale}",
        norm,
    ]
    if setting.width is not None:
        parts.append(f"width {setting.width:,}")
    if setting.batch is not None:
        parts.append(f"batch {setting.batch:,}")
    return ", ".join(parts)


def phase_text(diagram: PhaseDiagram) -> str:
    """The phase diagram as a table of letters, densities downwards and depths to the right."""
    table = diagram.table()
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in table
    ]
    return "\n".join([*lines, "v vanishing, t trainable, e exploding"])


def prediction_numbers(outlook: Outlook) -> dict[str, object]:
    """The outlook as plain numbers; infinities and NaN become strings, which JSON can hold."""
    found = outlook.prediction
    setting = found.setting
    scale = setting.scale
    content: dict[str, object] = {
        "schema": "plusone.prediction/1",
        "setting": {
            "depth": int(setting.depth),
            "density": float(setting.density),
            "gain": float(setting.gain),
            "scale": scale if isinstance(scale, str | int | float) else [*map(float, scale)],
            "norm": setting.norm,
            "placement": setting.placement,
            "activation": setting.activation,
            "width": setting.width,
            "batch": setting.batch,
        },
        "label": str(found.label),
        "log10_typical_norm": _plain(float(found.log10_typical_norm)),
        "log10_rms_norm": _plain(float(found.log10_rms_norm)),
        "stddev_log10_norm": _plain(math.sqrt(max(float(found.var_log_norm), 0.0)) / LN10),
        "effective_depth": _plain(float(found.effective_depth)),
        "one_minus_cosine": [_plain(math.exp(gap)) for gap in outlook.correlation.log_gap],
        "window_decades": found.window,
        "largest_depth": outlook.largest_depth,
        "trainable_densities": outlook.densities and [*map(_plain, outlook.densities)],
    }
    if outlook.bounds is not None:
        content["bounds_log10"] = {
            name: _plain(float(getattr(outlook.bounds, f"log_{name}").sum()) / LN10)
            for name in ("plain", "upper", "lower", "typical")
        }
    return content


def _plain(x: float | None) -> float | str | None:
    return x if x is None or math.isfinite(x) else str(x)


def _verdict(label: str, typical: float, window: float) -> str:
    if not math.isfinite(typical):
        return f"{label}: no gradient reaches the input" if typical < 0 else label
    if abs(typical) < 0.05:
        return f"{label}: the typical gradient keeps its size"
    moved = f"{'falls' if typical < 0 else 'grows'} by {abs(typical):.1f} decades"
    return f"{label}: the typical gradient {moved}, {window:g} are allowed"


def _cosine(log_gap: float) -> str:
    gap = math.exp(log_gap)
    if abs(1 - gap) < 1e-9:
        return "stays at 0"
    if gap > 0.1:
        return f"goes from 0 to {number(1 - gap)}"
    return f"goes from 0 to 1 - {number(gap)}" + (
        ": they become parallel"
        if gap < PARALLEL
        else ": nearly parallel, which the gradient's size does not show"
    )


def _mean(rms: float, typical: float) -> str:
    text = f"the root mean square over nets is {power(rms)}"
    if math.isfinite(rms) and math.isfinite(typical) and rms - typical > 0.5:
        text += f", {rms - typical:.1f} decades above the typical net: a few rare nets make it"
    return text


def _window(outlook: Outlook) -> str:
    setting = outlook.prediction.setting
    density = f"with skips around {100 * float(setting.density):.3g} %"
    assert outlook.largest_depth is not None
    assert outlook.densities is not None
    if outlook.largest_depth >= MOST_DEPTH:
        first = f"{density} every depth up to {MOST_DEPTH:,} is trainable"
    elif outlook.largest_depth == 0:
        first = f"{density} not even one block is trainable"
    else:
        first = f"{density} trainable up to {outlook.largest_depth:,} blocks"
    depth, (low, high) = int(setting.depth), outlook.densities
    if math.isnan(low) or math.isnan(high):
        return f"{first}; no density makes {depth:,} blocks trainable"
    return f"{first}; {depth:,} blocks are with skips around {100 * low:.3g} to {100 * high:.3g} %"
