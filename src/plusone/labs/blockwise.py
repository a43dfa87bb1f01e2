"""What a stack of blocks does block by block: the states between them, and their Jacobians."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def states(blocks: Iterable[nn.Module], x: Tensor) -> list[Tensor]:
    """x and what is behind each block."""
    found = [x]
    for block in blocks:
        found.append(block(found[-1]))
    return found


def jacobians(blocks: Iterable[nn.Module], x_BN: Tensor) -> Tensor:
    """The Jacobian of each block where the stack takes x, [blocks, B, N, N], rows the outputs.

    Assumes that samples do not see each other (a batch norm in evaluation mode) and that every
    state is [B, N]. Cost: N backward passes of each block.
    """
    found = []
    h = x_BN.detach()
    for block in blocks:
        h = h.requires_grad_()
        out = block(h)
        rows = torch.eye(out.shape[1], dtype=out.dtype)[:, None].expand(-1, *out.shape)
        (rows_NBN,) = torch.autograd.grad(out, h, rows, is_grads_batched=True)
        found.append(rows_NBN.movedim(0, 1))
        h = out.detach()
    return torch.stack(found)


def chained(jacobians_LBNN: Tensor) -> Tensor:
    """The Jacobian of the whole stack, J_L ... J_1: [B, N, N]."""
    total = jacobians_LBNN[0]
    for jacobian in jacobians_LBNN[1:]:
        total = jacobian @ total
    return total


def rms_gain(jacobian: Tensor) -> Tensor:
    """|J|_F / sqrt(N), the root mean square of |J v| over unit vectors v: [...]."""
    gain: Tensor = torch.linalg.matrix_norm(jacobian) / jacobian.shape[-1] ** 0.5
    return gain
