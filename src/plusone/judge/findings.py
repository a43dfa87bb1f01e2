"""A rule of the table, filled in for one place, and the words that reasons share."""

from __future__ import annotations

from plusone.judge.rules import RULES
from plusone.records import NOT_MEASURED, Finding, Value


def finding(code: str, where: str, value: Value, threshold: float | None, reason: str) -> Finding:
    """The finding of rule `code` at `where`; name, severity and remedy come from the table.

    `threshold` is None where the verdict weighs the value with others.
    """
    rule = RULES[code]
    return Finding(
        code=code,
        name=rule.name,
        where=where,
        value=value,
        threshold=NOT_MEASURED if threshold is None else Value.of(threshold),
        reason=reason,
        remedy=rule.fix,
        severity=rule.severity,
    )


def times(decades: float) -> str:
    """10**decades in words: '1,300 times', '2e+09 times'."""
    factor = 10.0 ** min(abs(decades), 300.0)
    return f"{factor:,.0f} times" if factor < 1e5 else f"{factor:.0e} times"


def span(first: str, last: str) -> str:
    """A run of blocks in words: 'in blocks.3', 'from blocks.3 to blocks.9'."""
    return f"in {first}" if first == last else f"from {first} to {last}"
