"""Whole Jacobians, slow and obvious: `torch.func.jacrev` of a function, one sample at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


def dense_jacobian(
    function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor
) -> torch.Tensor:
    """The Jacobian [B, M, N] of a function of a batch that treats its samples alike."""
    rows = []
    with sdpa_kernel(SDPBackend.MATH):  # flash attention has no batching rule
        for sample in x:
            J = torch.func.jacrev(lambda s: function(s.unsqueeze(0)).squeeze(0))(sample)
            rows.append(J.reshape(-1, sample.numel()))
    return torch.stack(rows).detach()


def singular_values(jacobian_BMN: torch.Tensor) -> torch.Tensor:
    """All singular values [B, min(M, N)] in float64, largest first."""
    return torch.linalg.svdvals(jacobian_BMN.double())


def stable_rank(jacobian_BMN: torch.Tensor) -> torch.Tensor:
    """|J|_F^2 / |J|_2^2 for each sample."""
    squares = singular_values(jacobian_BMN) ** 2
    return squares.sum(1) / squares[:, 0]
