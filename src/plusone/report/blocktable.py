"""The block table of a page: its rows, repeats folded, and how wide each column must be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plusone.records import BlockReport, Finding, ReportData, Value
from plusone.report.columns import measured, skip_of
from plusone.report.folding import Stretch, folded, representative
from plusone.report.numerals import shown, with_error
from plusone.report.places import codes_of, common_prefix, findings_by_block, span_name, tone_of

Named = dict[int, tuple[Finding, ...]]
MOST_WITH_ERRORS = 200
LONGEST_NAME = 20
PADDING = 1.2
"""Both sides of a cell, in widths of a digit; `report.css` pads by half of it each."""
LETTER = 0.9
"""Mean width of a letter, in widths of a digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A number of the block table: as shown, with its error as a hint, and whether it is bad."""

    text: str
    hint: str = ""
    is_bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the block table; `inside` holds the rows of the blocks that it folds.

    `codes` are those of findings with their severities, `tone` is the worst of these.
    """

    position: str
    name: str
    skip: str
    cells: tuple[Cell, ...]
    codes: tuple[tuple[str, str], ...] = ()
    tone: str = ""
    inside: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """The widths of the columns, in widths of a digit (`ch`): number, name, skip, measures."""

    columns: tuple[float, ...]

    @property
    def total(self) -> float:
        return round(sum(self.columns), 1)

    @property
    def shares(self) -> str:
        """The share of each column in the table, as the variables that `report.css` reads."""
        percents = (100 * width / sum(self.columns) for width in self.columns)
        return ";".join(f"--c{i}:{percent:.4g}%" for i, percent in enumerate(percents, 1))


def widths(data: ReportData, found: Sequence[Row]) -> Widths:
    """The widths with which no number is broken and no name wraps before `LONGEST_NAME` letters."""
    every = [row for outer in found for row in (outer, *outer.inside)]
    names = [len(" ".join((row.name, *(code for code, _ in row.codes)))) for row in every]
    columns = [
        max((len(row.position) for row in every), default=1),
        min(max(names, default=0), LONGEST_NAME),
        LETTER * max((len(row.skip) for row in every), default=0),
    ]
    for place, measure in enumerate(measured(data)):
        texts = {row.cells[place].text for row in every}
        columns.append(max(LETTER * len(measure.heading), *map(_width, texts)))
    return Widths(columns=tuple(round(width + PADDING, 1) for width in columns))


def _width(number: str) -> float:
    return len(number) - 0.4 * sum(map(number.count, ".,"))


def rows(data: ReportData) -> tuple[Row, ...]:
    """The rows of the block table, repeats folded."""
    prefix = common_prefix(data.blocks)
    named = findings_by_block(data)
    return tuple(_row(data, stretch, prefix, named) for stretch in folded(data))


def _row(data: ReportData, stretch: Stretch, prefix: str, named: Named) -> Row:
    blocks = [data.blocks[i] for i in stretch.indices]
    names = (blocks[0].name.removeprefix(prefix), blocks[-1].name.removeprefix(prefix))
    if stretch.count == 1:
        return Row(
            position=f"{stretch.first + 1:,}",
            name=names[0] or "-",
            skip=skip_of(blocks[0]),
            cells=_cells(data, blocks),
            codes=codes_of(named.get(stretch.first, ())),
            tone=tone_of(named.get(stretch.first, ())),
        )
    skips = {skip_of(block) for block in blocks}
    return Row(
        position="",
        name=f"{span_name(*names, dots='…')} x{stretch.count}",
        skip=skips.pop() if len(skips) == 1 else "mixed",
        cells=_cells(data, blocks),
        inside=tuple(_row(data, Stretch(first=i), prefix, named) for i in stretch.indices),
    )


def _cells(data: ReportData, blocks: list[BlockReport]) -> tuple[Cell, ...]:
    has_hints = len(data.blocks) <= MOST_WITH_ERRORS
    return tuple(_cell(blocks, measure.of, has_hints) for measure in measured(data))


def _cell(blocks: list[BlockReport], of: Callable[[BlockReport], Value], has_hint: bool) -> Cell:
    value = of(blocks[0]) if len(blocks) == 1 else representative([of(b) for b in blocks])
    return Cell(
        text=shown(value),
        hint=with_error(value, sign="±") if has_hint and value.stderr is not None else "",
        is_bad=value.is_measured and not value.is_finite,
    )
