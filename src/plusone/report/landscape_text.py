"""A landscape in the words of the terminal, and as numbers for JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

from plusone.landscape import Eigenvalue, Landscape, Slice
from plusone.report.layout import labelled
from plusone.report.numerals import counted, magnitude, number, percent

Row = tuple[str, str]


def landscape_text(found: Landscape, *, width: int = 100) -> str:
    """The landscape as labelled sentences of at most `width` columns."""
    return "\n".join(
        line for name, text in landscape_facts(found) for line in labelled(name, text, width=width)
    )


def landscape_facts(found: Landscape, *, sign: str = "+/-") -> list[Row]:
    """Each number with its error and what it means, as (label, sentence)."""
    rows = [("model", _model(found))]
    rows += _curvature(found, sign)
    rows += [
        (f"slice {i + 1}", _slice(found, i)) for i, piece in enumerate(found.slices) if _some(piece)
    ]
    if found.surface is not None and found.surface_shape is not None:
        rows.append(("surface", _surface(found)))
    rows += [("not done", f"{gap.what}: {gap.why}") for gap in found.not_measured]
    if found.is_interrupted:
        rows.append(("interrupted", "what is above had been computed by then"))
    return rows


def landscape_json(found: Landscape, *, indent: int = 2) -> str:
    """The landscape as JSON; numbers that are not finite are "nan", "inf" and "-inf"."""
    return json.dumps(_plain(asdict(found)), indent=indent, allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value


def _model(found: Landscape) -> str:
    text = f"{found.target}, {magnitude(found.num_parameters)} parameters, {found.mode}"
    gradient = ""
    if found.gradient_norm is not None:
        gradient = f", length of the gradient {number(found.gradient_norm)}"
    return f"{text}; loss {number(found.loss)}{gradient}"


def _curvature(found: Landscape, sign: str) -> list[Row]:
    rows = []
    if found.eigenvalues is not None:
        ends = (
            ("lambda max", found.eigenvalues.largest),
            ("lambda min", found.eigenvalues.smallest),
        )
        products = counted(found.eigenvalues.num_products, "product")
        for name, values in ends:
            rows += [(name, _eigenvalue(e, sign, products)) for e in values[:1]]
    if found.trace is not None:
        t = found.trace
        how = (
            f"standard error over {counted(len(t.samples), 'probe')}, outside of "
            f"{counted(t.num_deflated, 'vector')} whose part is exact"
        )
        text = f"{_with_error(t.value, t.stderr, sign)} ({how})"
        rows.append(("trace", text + ("" if t.converged else "; not converged")))
    if found.density is not None and found.density.nodes:
        d = found.density
        text = (
            f"{percent(d.negative_share)} of the eigenvalues below "
            f"-{number(d.broadening, digits=2)} (1 kernel width); the distribution is known to "
            f"{number(100 * d.distance_error, digits=2)} % of its width, from "
            f"{counted(d.num_probes, 'start')} of {counted(d.num_steps, 'step')}"
        )
        rows.append(("density", text + ("" if d.converged else "; not converged")))
    return rows


def _eigenvalue(found: Eigenvalue, sign: str, products: str) -> str:
    text = f"{_with_error(found.value, found.error, sign)} ({products} with the Hessian)"
    return text if found.converged else f"{text}; not converged"


def _with_error(value: float, error: float, sign: str) -> str:
    return f"{number(value, digits=4)} {sign} {number(error, digits=2)}"


def _some(piece: Slice) -> bool:
    return any(loss is not None for loss in piece.losses)


def _slice(found: Landscape, index: int) -> str:
    shape = found.slice_shapes[index]
    turns = counted(shape.turns, "turn of the slope").replace("slopes", "slope")
    if shape.turns != 1:
        turns = f"{shape.turns} turns of the slope"
    text = f"{turns}, second differences below 0 in {percent(shape.nonconvex)}"
    return text + _nonfinite(shape.nonfinite)


def _surface(found: Landscape) -> str:
    surface, shape = found.surface, found.surface_shape
    assert surface is not None
    assert shape is not None
    turns = "1 turn" if number(shape.turns) == "1" else f"{number(shape.turns)} turns"
    text = (
        f"{len(surface.across)} x {len(surface.up)} points to {number(surface.across[-1])} filter "
        f"lengths; {percent(shape.negative_curvature)} of the plane curves downwards in some "
        f"direction (2 x 2 Hessian by differences), {turns} a line, the loss "
        f"rises by {number(shape.rise)} within a step of 1"
    )
    return text + _nonfinite(shape.nonfinite)


def _nonfinite(share: float) -> str:
    return f"; {percent(share)} of the losses are not finite" if share > 0 else ""
