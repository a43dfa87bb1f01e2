"""The options that commands share, as records that cyclopts fills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Group, Parameter

Format = Literal["concise", "full", "json", "github"]
FailOn = Literal["error", "warning", "never"]

_FEED = Group("Input", sort_key=1)
_MEASURE = Group("Measurement", sort_key=2)
_OUTPUT = Group("Output", sort_key=3)

Target = Annotated[
    str,
    Parameter(help="file.py:name, package.module:name, timm:NAME, hf:CONFIG, tv:NAME or FILE.pt2."),
]


@Parameter(name="*", group=_FEED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What the model is fed."""

    input: Annotated[
        tuple[str, ...],
        Parameter(
            help="Random input as [NAME=]SIZES[:DTYPE[:BELOW]], such as 4,3,224,224 or "
            "ids=2,16:int64:50257; repeat for more.",
            negative="",
            show_default=False,
            allow_leading_hyphen=True,
        ),
    ] = ()
    inputs: Annotated[
        str | None, Parameter(help="Inputs from a .pt file (tensors alone) or .safetensors.")
    ] = None
    seed: Annotated[int, Parameter(help="Seed of weights, inputs and probes.")] = 0


@Parameter(name="*", group=_MEASURE)
@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What is measured and how hard."""

    quick: Annotated[
        bool,
        Parameter(help="Structure, profile and verdict alone.", negative="", show_default=False),
    ] = False
    mode: Annotated[
        Literal["as-is", "train", "eval"], Parameter(help="The model's mode while measured.")
    ] = "as-is"
    loss: Annotated[
        Literal["cross-entropy", "mse", "none"] | None,
        Parameter(
            help="Loss in place of the target's own, of random targets if it has none; "
            "none: random gradients at the output."
        ),
    ] = None
    repeats: Annotated[int, Parameter(help="Random gradients to average.")] = 1
    samples: Annotated[int, Parameter(help="Samples of the batch used for spectra.")] = 2


@Parameter(name="*", group=_OUTPUT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where the result goes and how it looks."""

    html: Annotated[str | None, Parameter(help="Write the report as one offline HTML file.")] = None
    json: Annotated[
        str | None,
        Parameter(
            help="Write the report as JSON; - prints it, and nothing else.",
            allow_leading_hyphen=True,
        ),
    ] = None
    format: Annotated[Format, Parameter(help="What is printed.")] = "full"
    no_color: Annotated[bool, Parameter(help="No colours.", negative="", show_default=False)] = (
        False
    )
    quiet: Annotated[
        bool,
        Parameter(
            name=("--quiet", "-q"),
            help="No progress and no notes.",
            negative="",
            show_default=False,
        ),
    ] = False


@Parameter(name="*", group=_OUTPUT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """Which findings count."""

    select: Annotated[
        tuple[str, ...],
        Parameter(
            help="Only findings with these codes (prefixes).", negative="", show_default=False
        ),
    ] = ()
    ignore: Annotated[
        tuple[str, ...],
        Parameter(help="No findings with these codes (prefixes).", negative="", show_default=False),
    ] = ()
    fail_on: Annotated[
        FailOn, Parameter(help="Least severity of a finding that makes the exit code 1.")
    ] = "warning"
