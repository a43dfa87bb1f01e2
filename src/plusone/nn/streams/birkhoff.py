"""Exactly doubly stochastic matrices as convex combinations: of permutations, and their products.

H = sum_k softmax(a)_k P_k over all n! permutation matrices (mHC-lite, arXiv 2601.05732): rows and
columns have sum 1 to rounding, whatever the logits; by Birkhoff's theorem every doubly stochastic
matrix is reached. Cost n! weights a matrix: 24 for 4 streams.

KromHC (arXiv 2601.21579) writes n = 2^k and H as the Kronecker product of k doubly stochastic 2 x 2
matrices: 2k weights, and a part of the polytope.
"""

from __future__ import annotations

from itertools import permutations

import torch
from torch import Tensor

from plusone.errors import InputError

MAX_STREAMS = 6
# The identity's logit is 0 and all others' are this at initialisation (mHC-lite's code): the
# diagonal is 0.994 for 4 streams, and no logit is without gradient.
OTHERS_LOGIT = -8.0


def permutation_matrices(streams: int) -> Tensor:
    """All permutation matrices [n!, n, n], the identity first.

    Raises:
        InputError: beyond 6 streams, whose 720 permutations are the most that is sensible.
    """
    if not 1 <= streams <= MAX_STREAMS:
        raise InputError(
            f"Mixing by all permutations is for 1 to {MAX_STREAMS} streams; got {streams}, which "
            "has too many. Use mixing='sinkhorn', or 'kronecker' for a power of two."
        )
    orders = torch.tensor(list(permutations(range(streams))))
    return torch.nn.functional.one_hot(orders, streams).to(torch.get_default_dtype())


def birkhoff(logits: Tensor, matrices: Tensor) -> Tensor:
    """The matrices sum_k softmax(logits)_k matrices_k: [..., K] and [K, n, n] give [..., n, n]."""
    result: Tensor = (logits.softmax(-1) @ matrices.flatten(1)).unflatten(-1, matrices.shape[1:])
    return result


def kronecker(logits: Tensor) -> Tensor:
    """The Kronecker product of factors w_1 I + w_2 (swap), w = softmax of each pair of logits.

    logits [..., 2k] give [..., 2^k, 2^k]; the first factor moves the largest groups of streams.
    """
    weights = logits.unflatten(-1, (-1, 2)).softmax(-1)
    factors = torch.stack([weights, weights.flip(-1)], dim=-2)
    result = factors[..., 0, :, :]
    for index in range(1, factors.shape[-3]):
        factor = factors[..., index, :, :]
        product = result[..., :, None, :, None] * factor[..., None, :, None, :]
        result = product.flatten(-2).flatten(-3, -2)
    return result
