"""Polynomials over path lengths in log scale: how many paths of each length reach a node.

A row holds one positive float per length, value = mantissa * 2**exponent. The exponents form a
profile that many rows share, so that adding rows is plain float arithmetic. Nothing is trimmed:
where a mantissa would leave the range of floats, the processor's floating-point flags say so,
and the sum is made again with an exponent of its own for each length, which is the next profile.
Every entry is a sum of positive terms, so its relative error stays below the number of
roundings on the longest path times 1.1e-16.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from plusone.graph.path_graph import Arcs, FloatArray, IntArray

# A float ends at 2**-1074. What underflows there grows at most by one profile factor and one
# weight, 2**600 together, to 2**-474: nothing beside sums of at least 2**-400.
LARGEST_POWER = 300
SMALLEST_SUM = 2.0**-400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """A power of two for each length from 0 on, shared by rows."""

    exponent: IntArray
    factors: dict[int, FloatArray] = field(default_factory=dict)

    def shift(self, length: int) -> FloatArray:
        """Factors that move a mantissa from index i to index i + `length` of this profile.

        Raises:
            FloatingPointError: a factor is above 2**LARGEST_POWER or below its inverse.
        """
        if length not in self.factors:
            drop = self.exponent[: len(self.exponent) - length] - self.exponent[length:]
            if len(drop) and np.abs(drop).max() > LARGEST_POWER:
                raise FloatingPointError
            self.factors[length] = times_power(np.ones(len(drop)), drop)
        return self.factors[length]


@dataclass(slots=True)
class Underflow:
    """The handler of numpy's underflow flag; remembers whether a product was lost."""

    happened: bool = False

    def __call__(self, kind: str, flag: int) -> None:
        self.happened = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """The values of the lengths from `start` on: mantissa[i] * 2**profile.exponent[start + i].

    A mantissa is zero only if no path has this length; the first and the last are not zero.
    `converted` keeps the mantissas in the profile that asked last, and whether some were lost.
    """

    start: int
    mantissa: FloatArray
    profile: Profile
    converted: dict[Profile, tuple[FloatArray, bool]] = field(default_factory=dict)

    @property
    def exponent(self) -> IntArray:
        """The exponents of the row's own lengths."""
        return self.profile.exponent[self.start : self.start + len(self.mantissa)]

    def under(self, profile: Profile, underflow: Underflow) -> FloatArray:
        """The mantissas in terms of another profile.

        Raises:
            FloatingPointError: a mantissa is too large for this profile.
        """
        if profile is self.profile:
            return self.mantissa
        if profile not in self.converted:
            there = profile.exponent[self.start : self.start + len(self.mantissa)]
            before, underflow.happened = underflow.happened, False
            mantissa = times_power(self.mantissa, self.exponent - there)
            self.converted.clear()
            self.converted[profile] = mantissa, underflow.happened
            underflow.happened |= before
        mantissa, is_lossy = self.converted[profile]
        underflow.happened |= is_lossy
        return mantissa


class Term(NamedTuple):
    """A row times the monomial fraction * 2**power * x**length."""

    row: Row
    length: int
    fraction: float
    power: int


def times_power(mantissa: FloatArray, exponent: IntArray) -> FloatArray:
    """mantissa * 2**exponent, with exponents of any size."""
    product: FloatArray = np.ldexp(mantissa, np.clip(exponent, -2200, 2200).astype(np.int32))
    return product


def exit_row(arcs: Arcs) -> Row | None:
    """The row of all paths from entry to exit, None if there is none.

    Cost: O(arcs * max_length) multiply-adds; a row lives until its last use.
    """
    if not arcs.groups:
        return None
    profile = Profile(exponent=np.zeros(arcs.max_length + 1, dtype=np.int64))
    rows = {arcs.entry: Row(start=0, mantissa=np.ones(1), profile=profile)}
    num_uses = list(arcs.num_uses)
    scratch = np.empty(arcs.max_length + 1)
    underflow = Underflow()
    with np.errstate(over="raise", invalid="raise", under="call", call=underflow):
        for target, first, last in arcs.groups:
            sources = arcs.source[first:last]
            terms = [
                Term(rows[s], arcs.length[i], arcs.fraction[i], arcs.power[i])
                for i, s in enumerate(sources, start=first)
            ]
            try:
                rows[target] = _quick_sum(terms, scratch, underflow)
            except FloatingPointError:
                rows[target] = _careful_sum(terms)
            for s in sources:
                num_uses[s] -= 1
                if not num_uses[s]:
                    del rows[s]
    return rows[arcs.exit]


def _span(terms: list[Term]) -> tuple[int, int]:
    """The smallest length of the sum, and one more than the largest."""
    start = min([row.start + length for row, length, _, _ in terms])
    return start, max([row.start + length + len(row.mantissa) for row, length, _, _ in terms])


def _quick_sum(terms: list[Term], scratch: FloatArray, underflow: Underflow) -> Row:
    """The sum in the profile of the longest row, as floats.

    Raises:
        FloatingPointError: floats do not hold it in this profile.
    """
    start, stop = _span(terms)
    profile = terms[0].row.profile
    if len(terms) > 1:
        profile = max(terms, key=lambda term: len(term.row.mantissa)).row.profile
    total = np.zeros(stop - start)
    underflow.happened = False
    for row, length, fraction, power in terms:
        values, size = row.under(profile, underflow), len(row.mantissa)
        if length:
            factors = profile.shift(length)[row.start : row.start + size]
            values = np.multiply(values, factors, out=scratch[:size])
        if power or fraction != 1.0:
            if abs(power) > LARGEST_POWER:
                raise FloatingPointError
            values = np.multiply(values, math.ldexp(fraction, power), out=scratch[:size])
        here = total[row.start + length - start :][:size]
        np.add(here, values, out=here)
    if underflow.happened and total.min() < SMALLEST_SUM:
        raise FloatingPointError
    return Row(start=start, mantissa=total, profile=profile)


def _careful_sum(terms: list[Term]) -> Row:
    """The sum with a profile of its own: the exponent of the largest term at each length."""
    start, stop = _span(terms)
    nothing = np.iinfo(np.int64).min // 4
    top = np.full(stop - start, nothing)
    parts = []
    for row, length, weight, weight_power in terms:
        fraction, power = np.frexp(row.mantissa)
        exponent = np.where(fraction > 0, power + row.exponent + weight_power, nothing)
        here = slice(row.start + length - start, row.start + length - start + len(fraction))
        np.maximum(top[here], exponent, out=top[here])
        parts.append((here, fraction * weight, exponent))
    total = np.zeros(stop - start)
    for here, fraction, exponent in parts:  # may lose a term below 2**-1000 of the largest
        total[here] += times_power(fraction, exponent - top[here])
    known = np.flatnonzero(total)
    num_lengths = len(terms[0].row.profile.exponent)
    filled = np.interp(np.arange(num_lengths), known + start, top[known])
    return Row(start=start, mantissa=total, profile=Profile(exponent=filled.astype(np.int64)))
