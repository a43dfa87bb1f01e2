"""`plusone lab`: the claims of the field, each measured against a control."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

from cyclopts import Parameter

from plusone.cli.output import check_files, is_colored, print_notes, width, write_file
from plusone.cli.progress import shown_progress
from plusone.errors import InputError, PlusoneError

if TYPE_CHECKING:
    from plusone.labs import LabResult, RunConfig

Names = Annotated[
    tuple[str, ...], Parameter(help="Names of labs, or all.", negative="", show_default=False)
]
Jobs = Annotated[
    int | None,
    Parameter(help="Processes side by side, each on one thread; without it, one for each core."),
]
Quiet = Annotated[
    bool, Parameter(name=("--quiet", "-q"), help="No progress and no notes.", negative="")
]
Fresh = Annotated[
    bool, Parameter(help="Run anew what an earlier call has already run.", negative="")
]


def list_labs() -> int:
    """List the labs with their claims."""
    from plusone.labs.show.text import list_text

    print(list_text(width=width()))
    return 0


def run(
    names: Names,
    /,
    *,
    full: Annotated[
        bool, Parameter(help="Full mode: more seeds, more depths, larger data.", negative="")
    ] = False,
    pdb: Annotated[
        str | None, Parameter(help="A protein's PDB file, for the lab disulfide alone.")
    ] = None,
    fresh: Fresh = False,
    jobs: Jobs = None,
    html: Annotated[
        str | None, Parameter(help="Write the gallery as one HTML page; for all, to labs.html.")
    ] = None,
    json: Annotated[
        str | None,
        Parameter(help="Write the numbers as JSON; - prints them.", allow_leading_hyphen=True),
    ] = None,
    svg: Annotated[str | None, Parameter(help="Write each picture into this folder.")] = None,
    markdown: Annotated[
        str | None, Parameter(help="Write the table of all numbers for documentation.")
    ] = None,
    no_color: Annotated[bool, Parameter(help="No colours.", negative="")] = False,
    quiet: Quiet = False,
) -> int:
    """Run labs: measure a claim of the field against its control, on real data.

    Each finished run is kept at once; called again, an interrupted lab goes on where it was.
    """
    chosen = _chosen(names)
    page = html or ("labs.html" if tuple(names) == ("all",) else None)
    color = is_colored(no_color=no_color)

    def show(result: LabResult) -> None:
        from plusone.labs.show.text import result_text

        if json != "-":
            print(result_text(result, width=width(), color=color), end="\n\n", flush=True)

    if pdb is not None and chosen != ["disulfide"]:
        raise InputError(f"--pdb is for the lab disulfide alone, not for {', '.join(chosen)}")
    config = _config(full=full, fresh=fresh, jobs=jobs, file=pdb)
    # Before minutes go by: what cannot be written is said now.
    check_files({"--html": page, "--json": json, "--markdown": markdown})
    results, errors, is_interrupted = _each(chosen, config, show, quiet=quiet)
    files = _Files(html=page, json=json, svg=svg, markdown=markdown)
    command = " ".join(["plusone lab run", *names, *(["--full"] if full else [])])
    if results:
        _write(results, files, command, quiet=quiet)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    if is_interrupted:
        print(
            "what has run is kept; the same command goes on from there", file=sys.stderr, flush=True
        )
        raise KeyboardInterrupt
    return 2 if errors else 0


def check(names: Names = ("all",), /, *, jobs: Jobs = None, quiet: Quiet = False) -> int:
    """Run labs anew in quick mode and compare their verdicts with those stored in the package.

    Exit codes: 0 all as stored, 1 a verdict differs, 2 a lab could not run.
    """
    from plusone.labs.base.check import differences, stored

    chosen = _chosen(names)
    config = _config(full=False, fresh=True, jobs=jobs)
    results, errors, is_interrupted = _each(chosen, config, _nothing, quiet=quiet)
    found = differences(results, stored())
    for line in found:
        print(line)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    if is_interrupted:
        raise KeyboardInterrupt
    if not found:
        print(f"{len(results)} of {len(chosen)} labs as stored")
    return 2 if errors else int(bool(found))


def _nothing(result: LabResult) -> None:
    return None


def _chosen(names: Sequence[str]) -> list[str]:
    from plusone.labs.index import LABS, no_such_lab

    if not names:
        raise InputError(f"name a lab, or all; the labs are {', '.join(LABS)}")
    chosen = list(LABS) if "all" in names else list(dict.fromkeys(names))
    for name in chosen:
        if name not in LABS:
            raise InputError(no_such_lab(name))
    return chosen


def _config(*, full: bool, fresh: bool, jobs: int | None, file: str | None = None) -> RunConfig:
    from plusone.labs.base.run import RunConfig, cores

    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs is {jobs}; it must be 1 or more")
    return RunConfig(is_full=full, is_fresh=fresh, jobs=jobs or cores(), file=file)


def _each(
    names: Sequence[str],
    config: RunConfig,
    show: Callable[[LabResult], None],
    *,
    quiet: bool,
) -> tuple[list[LabResult], list[str], bool]:
    """The results that there are, why others are not, and whether Ctrl-C came."""
    results: list[LabResult] = []
    errors: list[str] = []
    for name in names:
        try:
            with (
                redirect_stdout(sys.stderr),
                _said_notes(quiet=quiet),
                shown_progress(quiet=quiet) as progress,
            ):
                if progress is not None:
                    progress(name, 0.0)
                from plusone.labs.base.run import run_lab

                results.append(run_lab(name, config, tell=progress))
        except PlusoneError as error:
            errors.append(f"{name}: {error}" if len(names) > 1 else str(error))
            continue
        except KeyboardInterrupt:
            return results, errors, True
        show(results[-1])
    return results, errors, False


@contextmanager
def _said_notes(*, quiet: bool) -> Iterator[None]:
    """Inside, where data come from, if not from the folder named for them, is a note."""
    from plusone.labs.data.located import DataWarning

    shown = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, DataWarning):
            print_notes([str(message)], quiet=quiet)
        else:
            shown(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        warnings.showwarning = show
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """Where results are written."""

    html: str | None
    json: str | None
    svg: str | None
    markdown: str | None


def _write(results: Sequence[LabResult], files: _Files, command: str, *, quiet: bool) -> None:
    if files.html is not None:
        from plusone.labs.show.gallery import gallery_html

        write_file(files.html, gallery_html(results).encode(), quiet=quiet)
    if files.markdown is not None:
        from plusone.labs.show.markdown import results_markdown

        table = results_markdown(results, command=command)
        write_file(files.markdown, table.encode(), quiet=quiet)
    if files.svg is not None:
        _save_pictures(results, Path(files.svg), quiet=quiet)
    if files.json is not None:
        from plusone.labs.show.json import results_json

        if files.json == "-":
            print(results_json(results).decode())
        else:
            write_file(files.json, results_json(results) + b"\n", quiet=quiet)


def _save_pictures(results: Sequence[LabResult], folder: Path, *, quiet: bool) -> None:
    from plusone.labs.show.figures import alone

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"'{folder}' cannot be made: {error.strerror}") from error
    for result in results:
        for figure in result.figures:
            file = folder / f"{result.claim.name}-{figure.name}.svg"
            write_file(file, alone(figure.svg).encode(), quiet=quiet)
