"""`plusone landscape`: the loss surface and the Hessian around a model's parameters."""

from __future__ import annotations

import sys
import warnings
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from plusone.cli.configure import target_options
from plusone.cli.options import Feed, Measure, Target
from plusone.cli.output import check_files, print_notes, write_file
from plusone.cli.output import width as columns
from plusone.cli.progress import shown_progress
from plusone.errors import CaptureError, InputError

if TYPE_CHECKING:
    from plusone.landscape import Landscape, SurveyConfig

_FEED = Feed()
_LANDSCAPE = Group("Landscape", sort_key=2)
_OUTPUT = Group("Output", sort_key=3)
INTERRUPTED = 130
File = Annotated[str | None, Parameter(group=_OUTPUT)]


def landscape(
    target: Target,
    /,
    *,
    feed: Feed = _FEED,
    loss: Annotated[
        Literal["cross-entropy", "mse"] | None,
        Parameter(
            group=_LANDSCAPE,
            help="Loss in place of the target's own, of random targets if it has none.",
        ),
    ] = None,
    points: Annotated[
        int, Parameter(group=_LANDSCAPE, help="Points on a side of the plane, an odd number.")
    ] = 51,
    span: Annotated[
        float, Parameter(group=_LANDSCAPE, help="How far the plane reaches, in filter lengths.")
    ] = 1.0,
    surface: Annotated[
        bool,
        Parameter(
            group=_LANDSCAPE, help="The whole plane, or its two slices alone.", show_default=False
        ),
    ] = True,
    hessian: Annotated[
        bool,
        Parameter(group=_LANDSCAPE, help="Eigenvalues, trace and density.", show_default=False),
    ] = True,
    density: Annotated[
        int, Parameter(group=_LANDSCAPE, help="Lanczos steps of the density; 0 leaves it out.")
    ] = 40,
    statistics: Annotated[
        Literal["batch", "running"],
        Parameter(group=_LANDSCAPE, help="What batch norms normalise by."),
    ] = "batch",
    svg: Annotated[File, Parameter(help="Write the pictures as one SVG file.")] = None,
    html: Annotated[File, Parameter(help="Write numbers and pictures as one HTML file.")] = None,
    interactive: Annotated[
        File, Parameter(help="Write a surface that turns as one HTML file (plotly).")
    ] = None,
    json: Annotated[
        File,
        Parameter(help="Write the numbers as JSON; - prints them.", allow_leading_hyphen=True),
    ] = None,
    quiet: Annotated[
        bool,
        Parameter(
            group=_OUTPUT,
            name=("--quiet", "-q"),
            help="No progress and no notes.",
            negative="",
            show_default=False,
        ),
    ] = False,
) -> int:
    """Measure the loss surface and the Hessian around a model's parameters."""
    files = {"--svg": svg, "--html": html, "--interactive": interactive, "--json": json}
    check_files(files)
    if interactive is not None:
        from plusone.target.extras import import_extra

        import_extra("plotly", extra="landscape")  # before anything is computed
    from plusone.landscape import DensityConfig, GridConfig, SurveyConfig

    if density < 0:
        raise InputError(f"--density is {density}; it must be 0 or more")
    config = SurveyConfig(
        grid=GridConfig(points=points, span=span),
        density=DensityConfig(num_steps=density) if density else None,
        plane=surface,
        hessian=hessian,
        statistics=statistics,
        seed=feed.seed,
    )
    config.grid.positions()
    found = _surveyed(target, feed, Measure(loss=loss), config, quiet=quiet)
    _write(found, files, quiet=quiet)
    return INTERRUPTED if found.is_interrupted else 0


def _surveyed(
    target: str, feed: Feed, measure: Measure, config: SurveyConfig, *, quiet: bool
) -> Landscape:
    """The landscape; what the user's code prints goes to stderr, and what did not converge too."""
    with (
        redirect_stdout(sys.stderr),
        shown_progress(quiet=quiet) as progress,
        warnings.catch_warnings(record=True) as caught,
    ):
        from plusone.landscape import NotConvergedWarning, survey_subject
        from plusone.target import resolve

        warnings.simplefilter("always", NotConvergedWarning)
        if progress is not None:
            progress(f"building {target}", 0.0)
        subject = resolve(target, target_options(feed, measure=measure, device="cpu"))
        try:
            found = survey_subject(subject, config, progress)
        except SystemExit as error:
            raise CaptureError(
                f"the code of {target} called sys.exit({error.code!r}) in its forward"
            ) from error
    own = [str(w.message) for w in caught if issubclass(w.category, NotConvergedWarning)]
    print_notes((*subject.notes, *own), quiet=quiet)
    if found.is_interrupted:
        print("interrupted: what was computed by then follows", file=sys.stderr)
    return found


def _write(found: Landscape, files: dict[str, str | None], *, quiet: bool) -> None:
    from plusone.report.landscape_html import landscape_html, landscape_interactive
    from plusone.report.landscape_svg import landscape_svg
    from plusone.report.landscape_text import landscape_json, landscape_text

    numbers = landscape_json(found)
    print(numbers if files["--json"] == "-" else landscape_text(found, width=columns()))
    pages = {
        "--svg": landscape_svg,
        "--html": landscape_html,
        "--interactive": landscape_interactive,
        "--json": landscape_json,
    }
    for option, file in files.items():
        if file is not None and not (file == "-" and option == "--json"):
            write_file(file, f"{pages[option](found)}\n".encode(), quiet=quiet)
