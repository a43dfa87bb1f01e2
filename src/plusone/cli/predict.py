"""`plusone predict`: what depth, skips and initialisation do to a gradient, without a model."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from typing import Annotated, Literal

from cyclopts import Parameter

from plusone.cli.output import width as columns
from plusone.cli.output import write_file
from plusone.errors import InputError


def predict(
    *,
    depth: Annotated[int | None, Parameter(help="Number of blocks.")] = None,
    density: Annotated[
        float | None, Parameter(help="Probability that a block has a skip, 0 to 1.")
    ] = None,
    pattern: Annotated[
        str | None, Parameter(help="Which blocks have a skip, such as 1101, instead of the two.")
    ] = None,
    gain: Annotated[
        float, Parameter(help="Factor of the weights' variance; 1 is He's initialisation.")
    ] = 1.0,
    scale: Annotated[
        str, Parameter(help="Factor of each branch: a number, 1/sqrt(L) or 1/L.")
    ] = "1",
    norm: Annotated[Literal["none", "batch", "layer"], Parameter(help="Norm of the blocks.")] = (
        "none"
    ),
    placement: Annotated[
        Literal["pre", "post"], Parameter(help="Norm in the branch, or behind the sum.")
    ] = "pre",
    activation: Annotated[
        Literal["linear", "relu", "tanh", "gelu"], Parameter(help="Activation in the branch.")
    ] = "relu",
    width: Annotated[int | None, Parameter(help="Units; without it, very many.")] = None,
    batch: Annotated[
        int | None, Parameter(help="Samples of a batch norm; without it, very many.")
    ] = None,
    window: Annotated[float, Parameter(help="Decades that the gradient may change.")] = 3.0,
    phases: Annotated[
        bool,
        Parameter(
            help="The table of phases over densities and depths.", negative="", show_default=False
        ),
    ] = False,
    svg: Annotated[
        str | None, Parameter(help="Write the phases over depths and densities as a picture.")
    ] = None,
    json: Annotated[
        str | None,
        Parameter(help="Write the numbers as JSON; - prints them.", allow_leading_hyphen=True),
    ] = None,
    quiet: Annotated[
        bool, Parameter(name=("--quiet", "-q"), help="No notes.", negative="", show_default=False)
    ] = False,
) -> int:
    """Predict the gradient at the input in closed form: no model, no weights, no training."""
    from plusone.report.phase import phase_svg
    from plusone.report.prediction import phase_text, prediction_numbers, prediction_text
    from plusone.theory import Stack, outlook, phase_diagram
    from plusone.theory import predict as predicted

    skips = None if pattern is None else _skips(pattern)
    if skips is None and (depth is None or density is None):
        raise InputError("give --depth and --density, or a --pattern such as 110110")
    stack = Stack(
        gain=gain,
        scale=_scale(scale),
        norm=norm,
        placement=placement,
        activation=activation,
        batch=batch,
        window=window,
    )
    found = outlook(predicted(depth, density, pattern=skips, width=width, **asdict(stack)))
    if svg is not None:
        point = None if depth is None or density is None else (depth, density)
        diagram = phase_diagram(_all_depths(depth), _ALL_DENSITIES, stack)
        write_file(svg, f"{phase_svg(diagram, point=point)}\n".encode(), quiet=quiet)
    if json is not None:
        text = json_module.dumps(prediction_numbers(found), indent=2)
        if json == "-":
            print(text)
            return 0
        write_file(json, f"{text}\n".encode(), quiet=quiet)
    print(prediction_text(found, width=columns()))
    if phases:
        print(f"\n{phase_text(phase_diagram(_DEPTHS, _DENSITIES, stack))}")
    return 0


_DEPTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_DENSITIES = tuple(i / 10 for i in range(10, -1, -1))
_ALL_DENSITIES = tuple(i / 40 for i in range(41))


def _all_depths(depth: int | None) -> tuple[int, ...]:
    """Of the picture: forty depths at equal ratios to 1,000, or to the depth if that is greater."""
    most = max(depth or 0, 1000)
    return tuple(sorted({round(most ** (i / 39)) for i in range(40)}))


def _skips(pattern: str) -> list[bool]:
    if not pattern or set(pattern) - {"0", "1"}:
        raise InputError(f"--pattern '{pattern}' cannot be read: write 1 and 0, such as 110110")
    return [letter == "1" for letter in pattern]


def _scale(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
