"""How rough a slice or a surface is, as numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from plusone.distributions import Array
from plusone.landscape.plane import Slice, Surface

# Losses are summed in the model's precision: differences below this share of the loss are
# rounding, and no slope.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceShape:
    """`turns`: sign changes of the slope, 1 for one valley. `nonconvex`: share of second
    differences below zero, NaN where there is none. `nonfinite`: share of losses not finite."""

    turns: int
    nonconvex: float
    nonfinite: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceShape:
    """A plane as numbers.

    `turns` and `nonconvex` are means over all rows and columns. `negative_curvature` is the share
    of inner points where the smaller eigenvalue of the 2 x 2 Hessian, by central differences of
    the surface, is below zero; `saddle` where also the larger is above. `rise` is the largest
    loss within a step of length 1 (or the span) of the middle, less the loss there. `nonfinite`
    is the share of computed losses that are not finite.
    """

    turns: float
    nonconvex: float
    negative_curvature: float
    saddle: float
    rise: float
    nonfinite: float


def slice_shape(found: Slice) -> SliceShape:
    """The shape of one slice; points that are not finite break it into pieces."""
    losses = np.array([math.nan if x is None else x for x in found.losses])
    known = np.array([x is not None for x in found.losses])
    turns, (num_negative, num_curved) = _turns(losses), _second_differences(losses)
    return SliceShape(
        turns=turns,
        nonconvex=num_negative / num_curved if num_curved else math.nan,
        nonfinite=_share(~np.isfinite(losses[known])),
    )


def surface_shape(found: Surface) -> SurfaceShape:
    """The shape of a surface, over whatever of it was computed."""
    losses = found.array()
    known = np.array([[x is not None for x in row] for row in found.losses])
    lines = [*losses, *losses.T]
    whole = [row for row in lines if np.isfinite(row).sum() >= 3]
    counts = np.array([_second_differences(row) for row in whole]).reshape(-1, 2).sum(0)
    low, high = _eigenvalues(losses, found.across[1] - found.across[0])
    return SurfaceShape(
        turns=float(np.mean([_turns(row) for row in whole])) if whole else math.nan,
        nonconvex=float(counts[0] / counts[1]) if counts[1] else math.nan,
        negative_curvature=_share(low < 0),
        saddle=_share((low < 0) & (high > 0)),
        rise=_rise(found, losses),
        nonfinite=_share(~np.isfinite(losses[known])),
    )


def _turns(losses: Array) -> int:
    """Sign changes of the slope; steps that are rounding have none."""
    count = 0
    for piece in _pieces(losses):
        slopes = np.diff(piece)
        noise = _ROUNDING * np.maximum(np.abs(piece[1:]), np.abs(piece[:-1]))
        signs = np.sign(slopes[np.abs(slopes) > noise])
        count += int(np.sum(signs[1:] != signs[:-1]))
    return count


def _second_differences(losses: Array) -> tuple[int, int]:
    """How many are negative, and how many there are."""
    with np.errstate(invalid="ignore"):  # of infinities
        second = losses[2:] - 2 * losses[1:-1] + losses[:-2]
    noise = 4 * _ROUNDING * np.abs(losses[1:-1])
    is_known = np.isfinite(second)
    return int(np.sum(second[is_known] < -noise[is_known])), int(is_known.sum())


def _pieces(losses: Array) -> list[Array]:
    breaks = np.flatnonzero(~np.isfinite(losses))
    return [p[np.isfinite(p)] for p in np.split(losses, breaks) if np.isfinite(p).sum() > 1]


def _eigenvalues(losses: Array, step: float) -> tuple[Array, Array]:
    """Those of the Hessian of the surface at all inner points where it is finite, by differences.

    Values that rounding alone could make are 0.
    """
    if min(losses.shape) < 3:
        return np.empty(0), np.empty(0)
    w = sliding_window_view(losses, (3, 3)).reshape(-1, 3, 3)
    w = w[np.isfinite(w).all((1, 2))]
    xx = (w[:, 1, 2] - 2 * w[:, 1, 1] + w[:, 1, 0]) / step**2
    yy = (w[:, 2, 1] - 2 * w[:, 1, 1] + w[:, 0, 1]) / step**2
    xy = (w[:, 2, 2] - w[:, 2, 0] - w[:, 0, 2] + w[:, 0, 0]) / (4 * step**2)
    middle, radius = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    noise = 4 * _ROUNDING * np.abs(w).max((1, 2), initial=0.0) / step**2
    low, high = middle - radius, middle + radius
    return np.where(np.abs(low) > noise, low, 0.0), np.where(np.abs(high) > noise, high, 0.0)


def _rise(found: Surface, losses: Array) -> float:
    """Infinite or NaN where the loss within the ball is."""
    a, b = np.meshgrid(found.across, found.up)
    radius = min(1.0, max(found.across))
    known = np.array([[x is not None for x in row] for row in found.losses])
    inside = losses[(np.hypot(a, b) <= radius * (1 + 1e-12)) & known]
    middle = losses[len(found.up) // 2, len(found.across) // 2]
    return float(inside.max() - middle) if len(inside) else math.nan


def _share(flags: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float:
    return float(flags.mean()) if flags.size else math.nan
