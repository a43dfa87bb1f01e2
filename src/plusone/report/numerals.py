"""How numbers are written for people: short, aligned, and never hiding a NaN or an infinity."""

from __future__ import annotations

import math

from plusone.records import Value

UNMEASURED = "-"


def number(x: float, *, digits: int = 3) -> str:
    """`x` with `digits` significant digits: 0.0123, 1.02, 31,400, 9.8e-16, nan, -inf.

    Below a million all digits before the point are written.
    """
    if not math.isfinite(x):
        return str(float(x))
    if x == 0:
        return "0"
    size = abs(x)
    if 1000 <= size < 1e6 and digits <= 5:
        return f"{x:,.0f}"
    if 1e-3 <= size < (1000 if digits <= 5 else 1e5):
        return _without_exponent(x, digits)
    mantissa, exponent = f"{x:.{digits - 2}e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def _without_exponent(x: float, digits: int) -> str:
    shown = f"{x:.{digits}g}"
    return f"{float(shown):,.0f}" if "e" in shown else shown


def shown(value: Value) -> str:
    """A measured value: its number, its state if it is not finite, "-" if it was not measured."""
    if value.value is not None:
        return number(value.value)
    return UNMEASURED if value.state == "ok" else value.state


def with_error(value: Value, *, sign: str = "+/-") -> str:
    """A measured value with its standard error behind `sign`, where there is one."""
    if value.value is None or value.stderr is None:
        return shown(value)
    return f"{number(value.value)} {sign} {number(value.stderr, digits=2)}"


def power(log10: float, *, digits: int = 3) -> str:
    """10 to the power `log10`, as a plain number where that is short, else as 10^x."""
    if not math.isfinite(log10):
        return "0" if log10 == -math.inf else str(float(log10))
    if 0 <= log10 < 6:
        count = 10**log10
        return f"{count:,.0f}" if abs(count - round(count)) < 1e-3 * count else number(count)
    if abs(log10) <= 3:
        return number(10**log10, digits=digits)
    exponent = f"{log10:.{0 if abs(log10) >= 1000 else 1}f}".removesuffix(".0")
    return f"10^{exponent}"


def factor(log10: Value) -> str:
    """The factor 10^x of a measured log10, with its state if it is not finite."""
    if log10.value is None:
        return {"ok": UNMEASURED, "-inf": "0"}.get(log10.state, log10.state)
    return number(10**log10.value) if abs(log10.value) <= 6 else power(log10.value)


def counted(count: int, noun: str) -> str:
    """A count with its noun in the right number: "1 block", "16 blocks"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def magnitude(count: int) -> str:
    """A large count in short form: 25.6 M, 1.2 G, 512."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return str(count)


def percent(share: float) -> str:
    """A probability or share as a percentage that never rounds to a certainty it is not."""
    if not math.isfinite(share):
        return str(float(share))
    if 0 < share < 0.01:
        return "<1 %"
    if 0.99 < share < 1:
        return ">99 %"
    return f"{100 * share:.0f} %"
