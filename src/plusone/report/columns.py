"""The columns of the block table: what each shows, and where its number comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from plusone.records import BlockReport, ReportData, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measured column: its short heading, its meaning in words, and its value per block."""

    heading: str
    meaning: str
    of: Callable[[BlockReport], Value]


MEASURES = (
    Measure(
        heading="signal",
        meaning="rms where the block ends: at its join, or behind the activation of a plain one",
        of=lambda block: block.signal_rms,
    ),
    Measure(
        heading="gradient",
        meaning="rms of the gradient that arrives at the block's output",
        of=lambda block: block.gradient_rms,
    ),
    Measure(
        heading="F/skip",
        meaning="rms of the branch over rms of the skip, at the join",
        of=lambda block: block.residual_ratio,
    ),
    Measure(
        heading="|J|",
        meaning="largest singular value of the block's Jacobian (I+F)",
        of=lambda block: block.jacobian.spectral_norm,
    ),
    Measure(
        heading="J rms",
        meaning="Frobenius norm of the block's Jacobian / sqrt(inputs)",
        of=lambda block: block.jacobian.frobenius_rms,
    ),
    Measure(
        heading="J rank",
        meaning="stable rank of the block's Jacobian",
        of=lambda block: block.jacobian.stable_rank,
    ),
    Measure(
        heading="|F|",
        meaning="largest singular value of the branch's Jacobian",
        of=lambda block: block.branch_jacobian.spectral_norm,
    ),
    Measure(
        heading="F rms",
        meaning="Frobenius norm of the branch's Jacobian / sqrt(inputs)",
        of=lambda block: block.branch_jacobian.frobenius_rms,
    ),
    Measure(
        heading="growth",
        meaning="max |1 + eigenvalue of F|: above 1 the block, an Euler step, grows if repeated",
        of=lambda block: block.step_growth,
    ),
    Measure(
        heading="cosine",
        meaning="mean cosine between the representations of two samples",
        of=lambda block: block.similarity,
    ),
    Measure(
        heading="tokens",
        meaning="mean cosine between two tokens or nodes of a sample",
        of=lambda block: block.token_similarity,
    ),
    Measure(
        heading="rank",
        meaning="effective rank of the samples' representations",
        of=lambda block: block.rank,
    ),
)


def measured(data: ReportData) -> tuple[Measure, ...]:
    """The columns that have a number (or a NaN or infinity) for at least one block."""
    return tuple(
        measure
        for measure in MEASURES
        if any(measure.of(block).is_measured for block in data.blocks)
    )


def largest_relative_error(data: ReportData, measure: Measure) -> float | None:
    """The largest standard error of a column relative to its value, or None without errors."""
    ratios = [
        value.stderr / abs(value.value)
        for value in map(measure.of, data.blocks)
        if value.value and value.stderr is not None
    ]
    return max(ratios, default=None)


def errors_note(data: ReportData) -> str:
    """One sentence on the standard errors of the table's numbers, "" where there are none."""
    notes = [
        f"{measure.heading} {100 * error:.2g} %"
        for measure in measured(data)
        if (error := largest_relative_error(data, measure)) is not None
    ]
    return f"Largest relative standard errors: {', '.join(notes)}." if notes else ""


def skip_of(block: BlockReport) -> str:
    """The kind of the block's skip, or what the block is where it has none."""
    return block.skip or ("plain" if block.kind == "plain" else "residual")
