"""The table of labs for the docs."""

from __future__ import annotations

import html
from collections.abc import Sequence

from plusone.labs.base.claim import LabResult, Table
from plusone.labs.show.text import (
    COUNTING,
    INTERVALS,
    YES_NO,
    cell,
    effect_sentence,
    measured,
    predicted,
    run_sentence,
)


def results_markdown(results: Sequence[LabResult], *, command: str) -> str:
    """The page: one table of all claims, then each lab with its numbers."""
    lines = [
        "# Labs",
        "",
        f"Written by `{command}`.",
        "",
        f"{COUNTING} {INTERVALS}",
        "",
        "| lab | claim | verdict | seeds | CPU seconds |",
        "|---|---|---|---|---|",
    ]
    for result in results:
        claim = result.claim
        lines.append(
            f"| [{claim.name}](#{claim.name}) | {_cell(claim.statement)} | {result.verdict} "
            f"| {result.num_seeds} | {result.seconds:.0f} |"
        )
    for result in results:
        lines += ["", *_lab(result)]
    return "\n".join(lines) + "\n"


def _lab(result: LabResult) -> list[str]:
    claim = result.claim
    lines = [
        f"## {claim.name}",
        "",
        f"{claim.statement} `{claim.equation}` ({claim.source})",
        "",
        f"**{result.verdict}.** {result.reading}",
        "",
        f"Control: {claim.control}",
        "",
        "| what | for | predicted | measured (95 %) | holds |",
        "|---|---|---|---|---|",
    ]
    for o in result.outcomes:
        lines.append(
            f"| {_cell(o.prediction.text)} | {o.prediction.role} | {predicted(o.prediction)} "
            f"| {measured(o)} | {YES_NO[o.verdict]} |"
        )
    lines += [f"\nEffect: {effect_sentence(effect)}." for effect in result.effects]
    for table in result.tables:
        lines += ["", *_table(table)]
    return [*lines, "", f"Made by `{result.command}`: {run_sentence(result)}."]


def _table(table: Table) -> list[str]:
    """The data behind the figures, folded."""
    columns = [_cell(column) for column in table.columns]
    rows = [[_cell(cell(value)) for value in row] for row in table.rows]
    return [
        f"<details><summary>{html.escape(table.title, quote=False)}</summary>",
        "",
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        "</details>",
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
