"""A report as terminal text: the verdict and the findings first, then what they rest on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from plusone.errors import InputError
from plusone.records import BlockReport, Finding, ReportData, Value
from plusone.report import facts, lines
from plusone.report.columns import errors_note, measured, skip_of
from plusone.report.folding import Stretch, elided, representative
from plusone.report.layout import NARROWEST, Column, Ink, labelled, table, wrapped
from plusone.report.numerals import shown
from plusone.report.places import common_prefix, span_name

Format = Literal["concise", "full", "github"]

LABEL_STYLES = {
    "trainable": "green",
    "vanishing": "red",
    "over-smoothing": "red",
    "bottleneck": "red",
    "exploding": "red",
    "unstable": "red",
}


def render(
    data: ReportData, *, format: Format = "full", width: int = 100, color: bool = False
) -> str:
    """The report as plain text, without a newline at the end.

    "full" keeps to `width` columns (24 at least); "concise" and "github" give one line per
    finding, however long, for tools that read lines. `color` adds ANSI colours.

    Raises:
        InputError: if there is no such format.
    """
    width = max(width, NARROWEST)
    match format:
        case "full":
            return "\n".join(_full(data, width, Ink(color=color)))
        case "concise":
            return "\n".join(_colored_concise(data, Ink(color=color)))
        case "github":
            return "\n".join(lines.github(data))
        case other:
            raise InputError(f"There is no format {other!r}; use concise, full or github.")


def _colored_concise(data: ReportData, ink: Ink) -> list[str]:
    colored = [
        lines.finding_line(finding).replace(
            finding.code, ink(finding.code, _style(finding), "bold"), 1
        )
        for finding in data.findings
    ]
    return [ink(lines.verdict_line(data), "bold"), *lines.note_lines(data), *colored]


def _full(data: ReportData, width: int, ink: Ink) -> list[str]:
    sections = (
        _verdict(data, width, ink),
        _findings(data, width, ink),
        _facts(facts.structure_facts(data.structure), width),
        _facts(facts.end_to_end_facts(data.end_to_end), width),
        _blocks(data, width, ink),
        _not_measured(data, width),
        _facts(facts.provenance_facts(data), width),
    )
    return [line for section in sections if section for line in ("", *section)][1:]


def _verdict(data: ReportData, width: int, ink: Ink) -> list[str]:
    target = [ink(line, "bold") for line in wrapped(data.target, width=width)]
    notes = [line for n in data.notes for line in wrapped(f"note: {n}", width=width, rest="  ")]
    if data.verdict is None:
        return [*target, *wrapped(_no_verdict(data), width=width), *notes]
    label = data.verdict.label
    first, *rest = wrapped(f"{label.upper()}: {lines.chance(data)}", width=width)
    colored = first.replace(label.upper(), ink(label.upper(), LABEL_STYLES[label], "bold"), 1)
    return [*target, colored, *rest, *wrapped(data.verdict.reason, width=width), *notes]


def _no_verdict(data: ReportData) -> str:
    return lines.no_verdict(data).replace("no verdict, because", "NO VERDICT:", 1)


def _findings(data: ReportData, width: int, ink: Ink) -> list[str]:
    if not data.findings:
        return ["No findings."] if data.verdict is not None else []
    return [line for finding in data.findings for line in _finding(finding, width, ink)]


def _finding(finding: Finding, width: int, ink: Ink) -> list[str]:
    where = finding.where or "(whole network)"
    first, *rest = wrapped(
        f"{where}  {finding.code} {finding.name}  {finding.severity}", width=width, rest="  "
    )
    body = finding.reason
    if numbers := lines.against(finding):
        body += f" ({numbers})"
    return [
        first.replace(finding.code, ink(finding.code, _style(finding), "bold"), 1),
        *rest,
        *wrapped(body, width=width, first="  ", rest="  "),
        *(
            wrapped(f"-> {finding.remedy}", width=width, first="  ", rest="     ")
            if finding.remedy
            else ()
        ),
    ]


def _style(finding: Finding) -> str:
    return "red" if finding.severity == "error" else "yellow"


def _facts(rows: facts.Facts, width: int) -> list[str]:
    return [line for label, text in rows for line in labelled(label, text, width=width)]


def _blocks(data: ReportData, width: int, ink: Ink) -> list[str]:
    if not data.blocks:
        return []
    rows = elided(data)
    prefix = common_prefix(data.blocks)
    names = [row_name(data, row, prefix=prefix) for row in rows]
    skips = tuple(skips_of(data, row) for row in rows)
    columns = [Column(heading="skip", cells=skips, is_left=True)]
    for measure in measured(data):
        cells = tuple(shown(_cell(data, row, measure.of)) for row in rows)
        columns.append(Column(heading=measure.heading, cells=cells))
    grid = table("block", names, columns, width=width)
    return [
        *(ink(line, "bold") if line.startswith("block ") else line for line in grid),
        *_legend(data, rows, width, ink),
    ]


def row_name(data: ReportData, row: Stretch, *, prefix: str) -> str:
    """The name of a row, without `prefix`: of its block, or of its first and its last one."""
    first, last = (
        data.blocks[i].name.removeprefix(prefix) or f"#{i + 1}" for i in (row.first, row.last)
    )
    return first if row.count == 1 else f"{span_name(first, last, dots='..')} (x{row.count})"


def skips_of(data: ReportData, row: Stretch) -> str:
    """The kind of skip of a row's blocks, or "mixed"."""
    kinds = {skip_of(data.blocks[i]) for i in row.indices}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _cell(data: ReportData, row: Stretch, of: Callable[[BlockReport], Value]) -> Value:
    if row.count == 1:
        return of(data.blocks[row.first])
    return representative([of(data.blocks[i]) for i in row.indices])


def _legend(data: ReportData, rows: tuple[Stretch, ...], width: int, ink: Ink) -> list[str]:
    legend = [
        line
        for measure in measured(data)
        for line in labelled(measure.heading, measure.meaning, width=width)
    ]
    notes = []
    if prefix := common_prefix(data.blocks):
        notes.append(f"All blocks are inside {prefix.removesuffix('.')}.")
    if any(row.count > 1 for row in rows):
        notes.append("Rows of several blocks show medians.")
    if errors := errors_note(data):
        notes.append(errors)
    legend += [line for note in notes for line in wrapped(note, width=width)]
    return ["", *(ink(line, "dim") for line in legend)] if legend else []


def _not_measured(data: ReportData, width: int) -> list[str]:
    if not data.not_measured:
        return []
    notes = (f"{item.what}: {item.why}" for item in data.not_measured)
    body = [wrapped(note, width=width, first="  ", rest="    ") for note in notes]
    return ["not measured", *(line for note in body for line in note)]
