"""Plain text in columns: wrapped lines, labelled paragraphs and tables that fit the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

GAP = 2
LABEL_WIDTH = 12
NARROWEST = 24

COLORS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """Colours text with ANSI codes, or leaves it as it is."""

    color: bool

    def __call__(self, text: str, *styles: str) -> str:
        if not self.color or not styles:
            return text
        return f"\x1b[{';'.join(COLORS[style] for style in styles)}m{text}\x1b[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table: its heading and its cells, aligned to the right or to the left."""

    heading: str
    cells: tuple[str, ...]
    is_left: bool = False

    @property
    def width(self) -> int:
        return max(len(text) for text in (self.heading, *self.cells))


def wrapped(text: str, *, width: int, first: str = "", rest: str = "") -> list[str]:
    """The lines of `text`, of at most `width` columns; a word that is too long is broken."""
    lines = textwrap.wrap(
        text,
        max(width, NARROWEST),
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )
    return [line.rstrip() for line in lines] or [first.rstrip()]


def labelled(label: str, text: str, *, width: int) -> list[str]:
    """A paragraph with its label in the margin."""
    return wrapped(text, width=width, first=label.ljust(LABEL_WIDTH), rest=" " * LABEL_WIDTH)


def table(
    heading: str, names: Sequence[str], columns: Sequence[Column], *, width: int
) -> list[str]:
    """The lines of a table; where it is too wide it continues below with the names repeated.

    A name that is longer than its column stands on a line of its own above its row.
    """
    longest = max(len(name) for name in (heading, *names))
    widest = max((column.width for column in columns), default=0)
    name_width = min(longest, max(width - widest - GAP, NARROWEST // 4), max(width * 2 // 5, 14))
    lines: list[str] = []
    for part in _parts(columns, width - name_width):
        if lines:
            lines.append("")
        lines += _rows(heading, names, part, name_width, width)
    return lines


def _parts(columns: Sequence[Column], width: int) -> list[list[Column]]:
    """The columns in as few parts as fit `width`, and those as even as can be."""
    parts = list(_packed(columns, width))
    for narrower in range(width - 1, 0, -1):
        evener = list(_packed(columns, narrower))
        if len(evener) > len(parts):
            break
        parts = evener
    return parts


def _packed(columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    part: list[Column] = []
    used = 0
    for column in columns:
        if part and used + column.width + GAP > width:
            yield part
            part, used = [], 0
        part.append(column)
        used += column.width + GAP
    yield part


def _rows(
    heading: str, names: Sequence[str], columns: Sequence[Column], name_width: int, width: int
) -> list[str]:
    headings = [column.heading for column in columns]
    lines = [_row(heading.ljust(name_width), headings, columns)]
    for index, name in enumerate(names):
        if len(name) > name_width:
            lines += wrapped(name, width=width, rest="  ")
            name = ""
        cells = [column.cells[index] for column in columns]
        lines.append(_row(name.ljust(name_width), cells, columns))
    return lines


def _row(name: str, cells: Sequence[str], columns: Sequence[Column]) -> str:
    gap = " " * GAP
    padded = [
        cell.ljust(column.width) if column.is_left else cell.rjust(column.width)
        for cell, column in zip(cells, columns, strict=True)
    ]
    return gap.join((name, *padded)).rstrip()
