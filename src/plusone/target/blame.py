"""Which line of the user's code an exception came from, in one sentence instead of a traceback."""

from __future__ import annotations

import traceback
from pathlib import Path


def last_line(error: BaseException) -> str:
    """The last line that an exception passed outside libraries, " (file.py, line 12)", or ""."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not _is_library(f.filename)]
    return _place_of(frames)


def _place_of(frames: list[traceback.FrameSummary]) -> str:
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def _is_library(filename: str) -> bool:
    path = Path(filename)
    return "site-packages" in path.parts or Path(__file__).parents[1] in path.parents


class Blame:
    """Tells the user's code, which lies under `folder`, from libraries."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sentence(self, what: str, error: BaseException) -> str:
        """`what`, the exception's kind and first line, and the user's line that led to it."""
        kind = type(error).__name__
        if isinstance(error, SyntaxError) and error.filename:
            place = f" ({Path(error.filename).name}, line {error.lineno})"
            return f"{what} {kind}: {error.msg}{place}"
        text = str(error).strip().splitlines()
        message = f": {text[0]}" if text else ""
        return f"{what} {kind}{message}{self._place(error)}"

    def _place(self, error: BaseException) -> str:
        frames = traceback.extract_tb(error.__traceback__)
        return _place_of([f for f in frames if self._is_theirs(f.filename)])

    def _is_theirs(self, filename: str) -> bool:
        return not _is_library(filename) and self._folder in Path(filename).parents
