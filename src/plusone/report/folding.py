"""Which blocks get a row of their own in a table, and which are folded into one."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plusone.records import NOT_MEASURED, Fold, ReportData, Value
from plusone.report.places import findings_by_block

SMALLEST_FOLD = 4
LONGEST_RUN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """`count` neighbouring blocks from `first` on, shown as one row (a single block if 1)."""

    first: int
    count: int = 1

    @property
    def last(self) -> int:
        return self.first + self.count - 1

    @property
    def indices(self) -> range:
        return range(self.first, self.first + self.count)


def elided(data: ReportData, *, limit: int = 20, ends: int = 7) -> tuple[Stretch, ...]:
    """Rows for a terminal: all blocks up to `limit`, else the `ends` and those findings name."""
    count = len(data.blocks)
    if count <= limit:
        return tuple(Stretch(first=i) for i in range(count))
    kept = set(range(ends)) | set(range(count - ends, count)) | set(findings_by_block(data))
    return tuple(_stretches(kept, count))


def folded(data: ReportData, *, limit: int = 24) -> tuple[Stretch, ...]:
    """Rows for a page: repeats folded (except for blocks that findings name), long runs cut."""
    count = len(data.blocks)
    if count <= limit:
        return tuple(Stretch(first=i) for i in range(count))
    kept = set(findings_by_block(data))
    inside = {i for fold in data.structure.folds for i in _range_of(fold, count)}
    kept |= set(range(count)) - inside
    starts = {fold.first for fold in data.structure.folds}
    return tuple(_with_long_runs_cut(_stretches(kept, count, starts)))


def _range_of(fold: Fold, count: int) -> range:
    return range(max(fold.first, 0), min(fold.first + fold.count * fold.period, count))


def _stretches(
    kept: set[int], count: int, starts: Iterable[int] = (), smallest: int = SMALLEST_FOLD
) -> Iterable[Stretch]:
    cuts = sorted({0, count} | kept | {i + 1 for i in kept} | {i for i in starts if i < count})
    for first, end in itertools.pairwise(cuts):
        if end - first >= smallest:
            yield Stretch(first=first, count=end - first)
        else:
            yield from (Stretch(first=i) for i in range(first, end))


def _with_long_runs_cut(rows: Iterable[Stretch]) -> Iterable[Stretch]:
    run: list[Stretch] = []
    for row in (*rows, None):
        if row is not None and row.count == 1:
            run.append(row)
            continue
        if len(run) > LONGEST_RUN:
            for start in range(0, len(run), LONGEST_RUN):
                yield Stretch(first=run[start].first, count=len(run[start : start + LONGEST_RUN]))
        else:
            yield from run
        run = []
        if row is not None:
            yield row


def representative(values: Sequence[Value]) -> Value:
    """The median of the measured values; a value that is not finite wins, for it must be seen."""
    for value in values:
        if value.is_measured and not value.is_finite:
            return value
    numbers = [value.value for value in values if value.value is not None]
    return Value(value=float(statistics.median(numbers))) if numbers else NOT_MEASURED
