"""Stencils on grids with zero boundaries: what a sweep damps, products, the coarsest solution.

A stencil is [3, 3] for a spacing of 1; values outside the grid are zero.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from plusone.errors import InputError

LARGEST_COARSEST = 31
"""Points a side up to which the coarsest grid's matrix is inverted whole: 961 rows, 8 MB."""


def chebyshev_weights(stencil: Tensor, num_sweeps: int) -> list[float]:
    """Weights w of sweeps u + (w / diagonal)(f - A u) that damp the upper frequencies most.

    The inverses of the Chebyshev nodes on the range of A's symbol over its diagonal, for
    frequencies that the next grid does not see (at least pi/2 along an axis). On Poisson's stencil
    the range is [1/2, 2], and one sweep has the classical 0.8. Trottenberg et al. 2001, chapters 2
    (multigrid basics) and 4 (local Fourier analysis); Adams et al. 2003,
    10.1016/S0021-9991(03)00194-3.
    """
    angles = np.linspace(-np.pi, np.pi, 65)
    along = np.exp(1j * np.outer(angles, [-1, 0, 1]))
    symbol = (along @ stencil.double().numpy() @ along.T).real / float(stencil[1, 1])
    is_upper = np.maximum(*np.abs(np.meshgrid(angles, angles))) >= np.pi / 2 - 1e-9
    low, high = float(symbol[is_upper].min()), float(symbol[is_upper].max())
    middle, half = (high + low) / 2, (high - low) / 2
    nodes = (math.cos(math.pi * (2 * i + 1) / (2 * num_sweeps)) for i in range(num_sweeps))
    return [1 / (middle + half * node) for node in nodes]


def sizes(rows: int, columns: int, coarsest: int) -> list[tuple[int, int]]:
    """The grids from the finest to the coarsest, each of (n - 1) / 2 points where its parent has n.

    Raises:
        InputError: halving ends on a grid that is too large to be solved whole.
    """
    found = [(rows, columns)]
    while max(found[-1]) > coarsest and all(n % 2 and n > 1 for n in found[-1]):
        found.append((found[-1][0] // 2, found[-1][1] // 2))
    if max(found[-1]) > LARGEST_COARSEST:
        raise InputError(_uncoarsened((rows, columns), found[-1], coarsest))
    return found


def _uncoarsened(grid: tuple[int, int], last: tuple[int, int], coarsest: int) -> str:
    """Why halving `grid` ends on `last`, which is too large to be solved whole, and what to do."""
    what = "a grid of {} x {} interior points cannot be coarsened below {}x{}".format(*grid, *last)
    if max(last) <= coarsest:
        return (
            f"{what}: coarsest={coarsest} ends it there, and no side of a grid that is solved "
            f"whole may have more than {LARGEST_COARSEST}; take a smaller coarsest, 7 for one"
        )
    side, n = max(pair for pair in zip(grid, last, strict=True) if pair[1] % 2 == 0 or pair[1] == 1)
    halvings = max(0, max(grid).bit_length() - LARGEST_COARSEST.bit_length())
    near = max(min(coarsest, LARGEST_COARSEST) + 1, 2 ** (halvings + 1))
    while near * 2 <= side + 1:
        near *= 2
    if n == 1:
        cause = "is a single point" if side == 1 else "comes to a single point"
        cause += f" where the other is still {max(last)}"
    else:
        cause = "is even" if n == side else f"comes to {n}, which is even"
        cause += ", and halving keeps every second point of an odd number"
    return (
        f"{what}: its side of {side} {cause}; take {near - 1} or {2 * near - 1} there, or another "
        "2^k m - 1 with a small m"
    )


def residual(u: Tensor, g: Tensor, stencil: Tensor) -> Tensor:
    """g - A u for u and g [..., H, W], in as many passes as the stencil has entries.

    A sum of shifted grids: on one thread a third of the time of torch's convolution in float32, and
    far less in float64.
    """
    r = g.clone()
    rows, columns = u.shape[-2:]
    values = stencil.tolist()
    for i in range(3):
        for j in range(3):
            if values[i][j]:
                (to_y, from_y), (to_x, from_x) = _shift(i - 1, rows), _shift(j - 1, columns)
                r[..., to_y, to_x].sub_(u[..., from_y, from_x], alpha=values[i][j])
    return r


def _shift(by: int, size: int) -> tuple[slice, slice]:
    return slice(max(-by, 0), size - max(by, 0)), slice(max(by, 0), size - max(-by, 0))


Factors = tuple[list[float], list[float]]


def factors(kernel: Tensor) -> Factors | None:
    """The column and the row [3] whose outer product a [3, 3] kernel is; None where it is none."""
    k = kernel.detach().double()
    if not bool(k.any()):
        return [0.0] * 3, [0.0] * 3
    at = int(k.abs().argmax())
    row, column = k[at // 3], k[:, at % 3] / k.flatten()[at]
    if bool((torch.outer(column, row) - k).abs().max() > 1e-7 * k.abs().max()):
        return None
    return column.tolist(), row.tolist()


def restricted(r: Tensor, by: Factors) -> Tensor:
    """R r for a kernel that is an outer product: every second row first, which is quick."""
    rows, columns = ((n - 1) // 2 for n in r.shape[-2:])
    (c0, c1, c2), (r0, r1, r2) = by
    t = r[..., 0 : 2 * rows : 2, :] * c0
    t.add_(r[..., 1 : 2 * rows + 1 : 2, :], alpha=c1)
    t.add_(r[..., 2 : 2 * rows + 2 : 2, :], alpha=c2)
    coarse = t[..., 0 : 2 * columns : 2] * r0
    coarse.add_(t[..., 1 : 2 * columns + 1 : 2], alpha=r1)
    coarse.add_(t[..., 2 : 2 * columns + 2 : 2], alpha=r2)
    return coarse


def prolonged(e: Tensor, by: Factors, onto: Tensor | None) -> Tensor:
    """P e, or `onto` + P e, which is written over."""
    rows, columns = e.shape[-2:]
    column, row = by
    wide = e.new_zeros(*e.shape[:-1], 2 * columns + 1)
    for k, weight in enumerate(row):
        wide[..., k : k + 2 * columns : 2].add_(e, alpha=weight)
    u = wide.new_zeros(*e.shape[:-2], 2 * rows + 1, 2 * columns + 1) if onto is None else onto
    for k, weight in enumerate(column):
        u[..., k : k + 2 * rows : 2, :].add_(wide, alpha=weight)
    return u


def composed(first: Tensor, then: Tensor) -> Tensor:
    """The [5, 5] kernel of two correlations with [3, 3] kernels, one after the other."""
    kernel: Tensor = F.conv2d(first[None, None], then.flip(0, 1)[None, None], padding=2)[0, 0]
    return kernel


def inverse(stencil: Tensor, rows: int, columns: int) -> Tensor:
    """The inverse [HW, HW] of A on a small grid, float64.

    Raises:
        InputError: A has none there.
    """
    eye = torch.eye(rows * columns, dtype=torch.float64, device=stencil.device)
    images = eye.reshape(-1, 1, rows, columns)
    matrix = F.conv2d(images, stencil.double()[None, None], padding=1).flatten(1).T
    try:
        found: Tensor = torch.linalg.inv(matrix)
    except RuntimeError as error:  # torch.linalg.LinAlgError
        raise InputError(
            f"the stencil {stencil.tolist()} has no inverse on the coarsest grid, {rows} x "
            f"{columns}: without boundary values that fix a solution there is none to find"
        ) from error
    return found
