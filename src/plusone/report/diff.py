"""Two reports side by side: what changed between a network and its repair, or two networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plusone.records import Finding, ReportData, Value
from plusone.report.columns import MEASURES, skip_of
from plusone.report.facts import kinds, path_count
from plusone.report.layout import NARROWEST, Column, table, wrapped
from plusone.report.lines import is_map
from plusone.report.numerals import counted, factor, magnitude, number, percent, shown

if TYPE_CHECKING:
    from plusone.report.report import Report

BLOCK_HEADINGS = ("signal", "gradient", "|J|")
MOST_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One compared quantity: its name and what the first and the second report say."""

    name: str
    before: str
    after: str

    @property
    def is_changed(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Everything that a comparison shows; `blocks` are those whose names both reports have.

    `unlike` says why the gradients of the two are not of one kind, "" where they are.
    """

    unlike: str
    summary: tuple[Line, ...]
    gained: tuple[Finding, ...]
    lost: tuple[Finding, ...]
    kept: int
    headings: tuple[str, ...]
    blocks: tuple[tuple[str, tuple[Line, ...]], ...]
    unmatched: tuple[int, int]


def difference(a: ReportData, b: ReportData) -> Difference:
    """What two reports have and have not in common; findings are matched by code and place."""
    before = {(f.code, f.where): f for f in a.findings}
    after = {(f.code, f.where): f for f in b.findings}
    in_a = {block.name: block for block in a.blocks}
    in_b = {block.name: block for block in b.blocks}
    common = [name for name in in_a if name in in_b]
    measures = [
        m
        for m in MEASURES
        if m.heading in BLOCK_HEADINGS
        and any(m.of(block).is_measured for block in (*a.blocks, *b.blocks))
    ]
    return Difference(
        unlike=unlike_gradients(a, b),
        summary=_summary(a, b),
        gained=tuple(f for key, f in after.items() if key not in before),
        lost=tuple(f for key, f in before.items() if key not in after),
        kept=len(before.keys() & after.keys()),
        headings=tuple(m.heading for m in measures),
        blocks=tuple(
            (
                name,
                (
                    _line("skip", skip_of(in_a[name]), skip_of(in_b[name])),
                    *(_measured(m.heading, m.of(in_a[name]), m.of(in_b[name])) for m in measures),
                ),
            )
            for name in common
        ),
        unmatched=(len(in_a) - len(common), len(in_b) - len(common)),
    )


def unlike_gradients(a: ReportData, b: ReportData) -> str:
    """Why the gradients cannot be compared, in one sentence: only one report has them, or they
    began at unlike losses; "" where they can, or neither report has any."""
    sides = (("before", a), ("after", b))
    without = [name for name, data in sides if not _has_gradient(data)]
    if len(without) == 2:
        return ""
    if without:
        (side,) = without
        if is_map(dict(sides)[side]):
            return f"{side} is a map: its structure alone can be compared"
        return f"no gradient was measured {side}, so that gradients cannot be compared"
    losses = [data.provenance.loss for _, data in sides]
    if not all(losses) or losses[0] == losses[1]:
        return ""
    return (
        f"the gradients are of unlike things, before of {losses[0]}, after of {losses[1]}: their "
        "sizes cannot be compared, and their ratios may differ for that alone"
    )


def _has_gradient(data: ReportData) -> bool:
    values = (data.end_to_end.log10_gradient_ratio, *(b.gradient_norm for b in data.blocks))
    return any(value.is_measured for value in values)


def _line(name: str, before: str, after: str) -> Line:
    return Line(name=name, before=before, after=after)


def _measured(name: str, before: Value, after: Value) -> Line:
    return _line(name, shown(before), shown(after))


def _summary(a: ReportData, b: ReportData) -> tuple[Line, ...]:
    lines = [
        _line("verdict", *(d.verdict.label if d.verdict else "none" for d in (a, b))),
        _line(
            "likely to train",
            *(percent(d.verdict.probability) if d.verdict else "-" for d in (a, b)),
        ),
        _line(
            "gradient, input / output",
            *(factor(d.end_to_end.log10_gradient_ratio) for d in (a, b)),
        ),
        _line("signal, last / first", *(factor(d.end_to_end.log10_signal_ratio) for d in (a, b))),
        _line("blocks", *(f"{d.structure.num_blocks:,}" for d in (a, b))),
        _line("depth", *(f"{d.structure.depth:,}" for d in (a, b))),
        _line("parameters", *(magnitude(d.structure.num_parameters) for d in (a, b))),
    ]
    both = [kinds(d.structure) for d in (a, b)]
    for kind in dict.fromkeys((*both[0], *both[1])):
        lines.append(_line(f"skips, {kind}", *(f"{found.get(kind, 0):,}" for found in both)))
    paths = (a.structure.paths, b.structure.paths)
    lines += [
        _line("paths", *(path_count(p) for p in paths)),
        _line("shortest path", *(f"{p.min_length:,}" for p in paths)),
        _line("mean path", *(number(p.mean_length) for p in paths)),
        _line("longest path", *(f"{p.max_length:,}" for p in paths)),
        _line(
            "gradient-weighted path",
            *("-" if p.effective_length is None else number(p.effective_length) for p in paths),
        ),
        _line("findings", *(f"{len(d.findings):,}" for d in (a, b))),
    ]
    return tuple(line for line in lines if {line.before, line.after} != {"-"})


def compare(a: Report, b: Report, *, width: int = 100) -> str:
    """Two reports side by side as text of at most `width` columns; a * marks what differs."""
    width = max(width, NARROWEST)
    found = difference(a.data, b.data)
    sections = (
        [
            *wrapped(f"before: {a.target}", width=width, rest="        "),
            *wrapped(f"after:  {b.target}", width=width, rest="        "),
            *(
                wrapped(f"note:   {found.unlike}", width=width, rest="        ")
                if found.unlike
                else ()
            ),
        ],
        _summary_table(found, width),
        _findings(found, width),
        _blocks(found, width),
    )
    return "\n".join(line for s in sections if s for line in ("", *s)).removeprefix("\n")


def _summary_table(found: Difference, width: int) -> list[str]:
    names = [line.name for line in found.summary]
    columns = (
        Column(heading="before", cells=tuple(line.before for line in found.summary)),
        Column(
            heading="after",
            cells=tuple(
                f"{line.after}{' *' if line.is_changed else '  '}" for line in found.summary
            ),
        ),
    )
    return table("", names, columns, width=width)


def _findings(found: Difference, width: int) -> list[str]:
    lines: list[str] = []
    for mark, findings in (("gone", found.lost), ("new ", found.gained)):
        for finding in findings:
            where = finding.where or "(whole network)"
            text = f"{mark}  {where}  {finding.code} {finding.name}  {finding.reason}"
            lines += wrapped(text, width=width, rest="      ")
    if found.kept:
        lines.append(f"kept  {found.kept:,}")
    return ["findings", *lines] if lines else []


def _blocks(found: Difference, width: int) -> list[str]:
    changed = [row for row in found.blocks if any(line.is_changed for line in row[1])]
    left, right = found.unmatched
    sentence = (
        f"{counted(len(found.blocks), 'block')} in both, {len(changed):,} of them changed; "
        f"{left:,} only before, {right:,} only after."
    )
    num_hidden = len(changed) - MOST_ROWS
    if num_hidden > 0:
        changed = changed[: MOST_ROWS // 2] + changed[-MOST_ROWS // 2 :]
        sentence += f" {num_hidden:,} changed blocks in the middle are left out here."
    notes = wrapped(sentence, width=width)
    if not changed:
        return notes
    columns = [
        Column(
            heading=heading,
            cells=tuple(_pair(lines[i]) for _, lines in changed),
            is_left=heading == "skip",
        )
        for i, heading in enumerate(("skip", *found.headings))
    ]
    rows = table("block", [name for name, _ in changed], columns, width=width)
    return [*rows, "", *notes]


def _pair(line: Line) -> str:
    return f"{line.before} -> {line.after}" if line.is_changed else line.before
