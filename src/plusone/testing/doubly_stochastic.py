"""Is a matrix doubly stochastic: no negative element, every row and every column of sum 1?"""

from __future__ import annotations

import torch
from torch import Tensor


def assert_doubly_stochastic(matrix: Tensor, atol: float = 1e-5) -> None:
    """Raise AssertionError unless each matrix [..., n, n] is doubly stochastic to within `atol`.

    The transpose of such a matrix is one too, and so is the identity: this cannot see a matrix that
    is applied the wrong way round, or not at all. Compare a block's output with a few lines of
    float64 and an asymmetric matrix for the first, and its gradients for the second.
    """
    assert matrix.dim() >= 2, f"A matrix is needed; got shape {tuple(matrix.shape)}."
    assert matrix.shape[-1] == matrix.shape[-2], (
        f"A doubly stochastic matrix is square; got shape {tuple(matrix.shape)}."
    )
    assert matrix.numel(), f"There is no matrix to look at: shape {tuple(matrix.shape)}."
    wide = matrix.detach().double()
    assert bool(torch.isfinite(wide).all()), "An element is not finite."
    lowest = float(wide.amin())
    assert lowest >= -atol, f"An element is negative: {lowest:.3g} (allowed {-atol:.1g})."
    for name, axis in (("row", -1), ("column", -2)):
        off = float((wide.sum(axis) - 1).abs().amax())
        assert off <= atol, f"A {name} is off the sum 1 by {off:.3g} (allowed {atol:.1g})."
