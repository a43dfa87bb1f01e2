"""The path-length law of a network: how many paths of each length, and what they carry.

Dynamic programming over the graph in topological order, never enumeration. A residual network
of n blocks has C(n, k) paths of length k (Veit, Wilber and Belongie 2016, "Residual networks
behave like ensembles of relatively shallow networks").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from plusone.graph.path_graph import Arcs, FloatArray, IntArray, PathGraph, arcs_of
from plusone.graph.path_rows import Row, exit_row, times_power
from plusone.records import PathLaw

__all__ = ["PathGraph", "PathMoments", "log10_resolvent", "path_law", "path_moments"]

# log10(2) in two parts: the first has 30 bits, so that its product with an exponent is exact.
LOG10_2_HIGH = 323228496 / 2**30
LOG10_2_LOW = 5.801722962879576e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class PathMoments:
    """Logarithm of the number (or weight) of all paths; mean and variance of their lengths.

    Without any path `log10_count` is -inf, and mean and variance are 0.
    """

    log10_count: float
    mean_length: float
    variance: float


def path_law(graph: PathGraph) -> PathLaw:
    """The number of paths of each length from inputs to outputs, and the share of their weight.

    The count of node v is the polynomial P_v(x) = sum over edges (s, v, l) of x**l P_s(x), kept
    in log scale without trimming (see `path_rows`): counts from 1 to 10**3010 stand side by
    side. The weights follow from the same recursion with the edges' gains. Lengths that no path
    has are left out. Without any path `log10_count` is -inf and `lengths` is empty; `weights` is
    empty where the graph has none or where no path carries any.

    Assumes for the weights that the gradients of different paths are uncorrelated.
    Cost: O(E * longest path) multiply-adds.
    """
    arcs = arcs_of(graph)
    row = exit_row(arcs)
    if row is None:
        return PathLaw(log10_count=-math.inf, min_length=0, max_length=0, mean_length=0.0)
    present = np.flatnonzero(row.mantissa)
    lengths = present + row.start
    shares, log10_count = _shares(row)
    carried = exit_row(arcs_of(graph, weighted=True)) if graph.log_weight is not None else None
    weights = np.zeros(arcs.max_length + 1)
    if carried is not None:
        weights[carried.start :][: len(carried.mantissa)] = _shares(carried)[0]
    kept = weights[lengths]
    return PathLaw(
        log10_count=log10_count,
        min_length=row.start,
        max_length=arcs.max_length,
        mean_length=float(shares[present] @ lengths),
        effective_length=float(kept @ lengths) if carried is not None else None,
        lengths=tuple(lengths.tolist()),
        log10_counts=tuple(_log10(row.mantissa[present], row.exponent[present]).tolist()),
        weights=tuple(kept.tolist()) if carried is not None else (),
    )


def log10_resolvent(law: PathLaw, z: float) -> float:
    """log10 of the sum of z ** length over all paths, z > 0; -inf where there is no path.

    It is the entry from input to output of (I - A)^-1, A[s, v] being the sum of z ** length over
    the edges from s to v: the resolvent of the graph, whose powers of A walk the paths edge by edge
    (Neumann's series, which ends in a graph without cycles). Branches that hand on a gradient's
    factor z each make it the gradient's sum over paths.
    """
    if not law.lengths:
        return -math.inf
    terms = np.asarray(law.log10_counts) + np.asarray(law.lengths) * math.log10(z)
    largest = float(terms.max())
    return largest + math.log10(float((10.0 ** (terms - largest)).sum()))


def path_moments(graph: PathGraph, *, weighted: bool = False) -> PathMoments:
    """Logarithm of the total, mean and variance of the path length, without the law itself.

    `weighted` weights each path with the product of its edges' gains. The moments of node v are
    those of the mixture of its predecessors' lengths plus the edge's (West 1979). Cost: O(E).
    """
    arcs = arcs_of(graph, weighted=weighted)
    if not arcs.groups:
        return PathMoments(log10_count=-math.inf, mean_length=0.0, variance=0.0)
    fraction, power, mean, variance = _moments(arcs)
    log10_count = float(_log10(np.array([fraction]), np.array([power]))[0])
    return PathMoments(log10_count=log10_count, mean_length=mean, variance=variance)


def _moments(arcs: Arcs) -> tuple[float, int, float, float]:
    """Total = fraction * 2**power, mean and variance at the exit."""
    at: dict[int, tuple[float, int, float, float]] = {arcs.entry: (1.0, 0, 0.0, 0.0)}
    for target, first, last in arcs.groups:
        total, mean, squares, top = 0.0, 0.0, 0.0, -(10**18)
        for i in range(first, last):
            fraction, power, mean_s, variance_s = at[arcs.source[i]]
            fraction *= arcs.fraction[i]
            power += arcs.power[i]
            if power > top:
                scale = math.ldexp(1.0, max(top - power, -2000))
                total, squares, top = total * scale, squares * scale, power
            elif power < top:
                fraction = math.ldexp(fraction, max(power - top, -2000))
            total += fraction
            length = mean_s + arcs.length[i]
            delta = length - mean
            mean += delta * (fraction / total)
            squares += fraction * (variance_s + delta * (length - mean))
        scaled, shift = math.frexp(total)
        at[target] = (scaled, top + shift, mean, squares / total)
    return at[arcs.exit]


def _shares(row: Row) -> tuple[FloatArray, float]:
    """The row divided by its sum, and log10 of the sum."""
    top = int((np.frexp(row.mantissa)[1] + row.exponent)[row.mantissa > 0].max())
    scaled = times_power(row.mantissa, row.exponent - top)
    total = float(scaled.sum())
    return scaled / total, float(_log10(np.array([total]), np.array([top]))[0])


def _log10(mantissa: FloatArray, exponent: IntArray) -> FloatArray:
    """log10(mantissa * 2**exponent), rounded once."""
    low: FloatArray = np.log10(mantissa) + exponent * LOG10_2_LOW
    return exponent * LOG10_2_HIGH + low
