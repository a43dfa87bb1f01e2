"""Writes a report where it was asked for: results on stdout, everything else on stderr."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from plusone.cli.options import FailOn, Output
from plusone.errors import InputError

if TYPE_CHECKING:
    from plusone.report import Report


def width() -> int:
    """The columns to fill: the terminal's, or COLUMNS, or 100 where there is none."""
    return max(shutil.get_terminal_size((100, 24)).columns, 24)


def is_colored(*, no_color: bool) -> bool:
    """Whether stdout is a terminal that wants colours (https://no-color.org)."""
    return sys.stdout.isatty() and not no_color and not os.environ.get("NO_COLOR")


def check_writable(output: Output) -> None:
    """Raises before anything is measured if a report cannot be written later."""
    check_files({"--html": output.html, "--json": output.json})


def check_files(files: Mapping[str, str | None]) -> None:
    """Raises if a file that an option names cannot be written; "-" is stdout for --json.

    A file that does not exist is made and taken away again: permissions alone do not tell of a
    file system that is read-only, or that is none.
    """
    for option, file in files.items():
        if file is None or (file == "-" and option == "--json"):
            continue
        path = Path(file)
        if path.is_dir():
            raise InputError(f"{option} {file} is a folder; give the name of a file")
        if not path.parent.is_dir():
            raise InputError(f"{option} {file}: there is no folder '{path.parent}'")
        try:
            _try_to_open(path)
        except OSError as error:
            raise InputError(f"{option} {_unwritable(file, error)}") from error


def _try_to_open(path: Path) -> None:
    if path.is_file():
        path.open("ab").close()
    elif not os.path.lexists(path):  # pipes and devices are left alone: opening one is an act
        path.open("xb").close()
        path.unlink()


def write_report(report: Report, output: Output) -> None:
    """Prints the report and saves it in the files asked for, as many of them as it can.

    Raises:
        InputError: at the end, if a file could not be written.
    """
    files: list[tuple[str, bytes]] = []
    if output.html is not None:
        files.append((output.html, report.to_html().encode()))
    if output.json is not None and output.json != "-":
        files.append((output.json, report.to_json(indent=2) + b"\n"))
    failed: list[str] = []
    for file, content in files:
        try:
            write_file(file, content, quiet=output.quiet)
        except InputError as error:
            failed.append(str(error))
    if output.json == "-" or output.format == "json":
        print(report.to_json(indent=2).decode())
    else:
        color = is_colored(no_color=output.no_color)
        print(report.to_text(format=output.format, width=width(), color=color))
    if failed:
        raise InputError("; ".join(failed))


def write_file(file: str | Path, content: bytes, *, quiet: bool) -> None:
    """Writes a file that an option named, and says so on stderr.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        Path(file).write_bytes(content)
    except OSError as error:
        raise InputError(_unwritable(file, error)) from error
    say_written(file, quiet=quiet)


def say_written(*files: str | Path, quiet: bool) -> None:
    """Says on stderr which files were written."""
    for file in () if quiet else files:
        print(f"wrote {file}", file=sys.stderr)


def _unwritable(file: str | Path, error: OSError) -> str:
    return f"'{file}' cannot be written: {error.strerror}"


def print_notes(notes: Iterable[str], *, quiet: bool) -> None:
    """Says on stderr what the user should know of how the subject came to be."""
    for note in () if quiet else notes:
        print(f"note: {note}", file=sys.stderr)


def exit_code(report: Report, fail_on: FailOn) -> int:
    """1 where a finding is at or above `fail_on` or the verdict is not trainable, else 0."""
    if fail_on == "never":
        return 0
    if report.verdict is not None and report.verdict.label != "trainable":
        return 1
    counted = ("error",) if fail_on == "error" else ("error", "warning")
    return int(any(finding.severity in counted for finding in report.findings))
