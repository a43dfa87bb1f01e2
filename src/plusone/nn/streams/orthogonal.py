"""Orthogonal and orthostochastic mixing, both exact.

Cayley's transform H = (I + A)^-1 (I - A) of a skew matrix A is orthogonal: the streams' joint norm
and every difference between streams is preserved (JPmHC, arXiv 2602.18308). Its elements squared,
H o H, form a doubly stochastic matrix, called orthostochastic (generalised by go-mHC, arXiv
2604.02309).
"""

from __future__ import annotations

import torch
from torch import Tensor

# d(h^2)/dh = 2h is 0 at h = 0: an orthostochastic matrix that starts at the identity never learns
# to mix. With this skew element off-diagonals start near 4 x 0.025^2 = 0.0025, as mHC's own do.
ORTHOSTOCHASTIC_ANGLE = 0.025


def num_angles(streams: int) -> int:
    """The number n(n - 1)/2 of free elements of a skew n x n matrix."""
    return streams * (streams - 1) // 2


def cayley(angles: Tensor, streams: int) -> Tensor:
    """Orthogonal matrices [..., n, n] from the upper elements [..., n(n - 1)/2] of skew ones.

    Half precision is computed in float32. No rotation by 180 degrees is reached.
    """
    wide = angles if angles.dtype == torch.float64 else angles.float()
    rows, columns = torch.triu_indices(streams, streams, offset=1, device=angles.device)
    flat = wide.new_zeros(*wide.shape[:-1], streams * streams)
    flat = flat.index_copy(-1, rows * streams + columns, wide)
    upper = flat.unflatten(-1, (streams, streams))
    skew = upper - upper.mT
    eye = torch.eye(streams, dtype=wide.dtype, device=wide.device)
    matrix: Tensor = torch.linalg.solve(eye + skew, eye - skew)
    return matrix.to(angles.dtype)


def orthostochastic(angles: Tensor, streams: int) -> Tensor:
    """Doubly stochastic matrices: the squared elements of `cayley`'s."""
    return cayley(angles, streams).square()
