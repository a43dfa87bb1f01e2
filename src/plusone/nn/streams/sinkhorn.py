"""Sinkhorn and Knopp's projection of logits to doubly stochastic matrices, and its gradients.

P = diag(u) exp(L) diag(v) with all rows and columns of sum 1. Each round divides columns, then
rows, by their sums (mHC, arXiv 2512.24880, equation 9, with 20 rounds), so rows are exact and
columns approximate. Two gradients, neither of which stores more than one matrix:

**rounds**: the gradient of what is computed. With G_t = dLoss/d(log P_t), a division of rows or
columns of P_(t-1) by their sums, which gives P_t, goes backward as

    G_(t-1) = G_t - P_t o (sum of G_t over the same rows or columns).

The matrices P_t are computed anew for it.

**implicit**: the gradient of the limit of many rounds, from P alone. With Q = P o dLoss/dP,
dLoss/dL = Q - P o (a 1' + 1 b'), where a and b solve

    a + P b = Q 1,    P' a + b = Q' 1,

one n x n system, (I - P'P + 11'/n) b = Q'1 - P'Q1. It takes about half the time. (Eisenberger et
al. 2022, arXiv 2205.06688; for hyper-connections JPmHC, arXiv 2602.18308.) Rounds converge as
powers of the second singular value squared, so near a permutation 20 do not suffice: at mHC's own
initial logits 6I - 3 the two gradients differ by about a half, at logits of size 1 by a thousandth.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from plusone.errors import InputError

SINKHORN_ROUNDS = 20

Gradient = Literal["rounds", "implicit"]


def sinkhorn(
    logits: Tensor, rounds: int = SINKHORN_ROUNDS, *, gradient: Gradient = "rounds"
) -> Tensor:
    """The doubly stochastic matrix of each matrix of logits, [..., n, n].

    The first round is in logarithms, so that no sum underflows whatever the logits. Half precision
    is computed in float32.

    Raises:
        InputError: for matrices that are not square, or fewer than 1 round.
    """
    if logits.dim() < 2 or logits.shape[-1] != logits.shape[-2]:
        raise InputError(f"sinkhorn needs square matrices; got shape {tuple(logits.shape)}.")
    if rounds < 1:
        raise InputError(f"sinkhorn needs at least 1 round; got rounds={rounds}.")
    if gradient not in ("rounds", "implicit"):
        raise InputError(f"The gradient is of the 'rounds' or 'implicit'; got {gradient!r}.")
    size = logits.shape[-1]
    wide = logits if logits.dtype == torch.float64 else logits.float()
    # Matrices last: sums over rows and columns then run along whole vectors of matrices, which
    # takes a fifth of the time. Contiguous in both directions, as vectors and bmm want it.
    stacked = wide.reshape(-1, size, size).permute(1, 2, 0).contiguous()
    matrix = _project(stacked, rounds, gradient)
    result: Tensor = matrix.permute(2, 0, 1).contiguous().view(logits.shape).to(logits.dtype)
    return result


def _project(logits: Tensor, rounds: int, gradient: Gradient) -> Tensor:
    matrix: Tensor
    if gradient == "implicit":
        matrix = _ImplicitSinkhorn.apply(logits, rounds)  # type: ignore[no-untyped-call]
    elif torch.compiler.is_compiling():
        # The same gradient; the compiler decides what is stored and what is computed anew.
        matrix = _rounds(logits, rounds)
    else:
        matrix = _Sinkhorn.apply(logits, rounds)  # type: ignore[no-untyped-call]
    return matrix


def _first_columns(logits: Tensor) -> Tensor:
    """The logarithm of the matrices [n, n, matrices] after the first division of columns."""
    return logits - logits.logsumexp(0, keepdim=True)


def _rounds(logits: Tensor, rounds: int) -> Tensor:
    """The matrices [n, n, matrices] after all rounds."""
    logs = _first_columns(logits)
    matrix = (logs - logs.logsumexp(1, keepdim=True)).exp()
    for _ in range(rounds - 1):
        matrix = matrix / matrix.sum(0, keepdim=True)
        matrix = matrix / matrix.sum(1, keepdim=True)
    return matrix


class _Sinkhorn(torch.autograd.Function):
    """The rounds with their own gradient, which is itself differentiable."""

    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor, rounds: int) -> Tensor:
        return _rounds(logits, rounds)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, int], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])
        ctx.rounds = inputs[1]  # type: ignore[attr-defined]

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:
        (logits,) = ctx.saved_tensors  # type: ignore[attr-defined]
        logs = _first_columns(logits)
        matrices = [logs.exp(), (logs - logs.logsumexp(1, keepdim=True)).exp()]
        for half in range(2 * ctx.rounds - 2):  # type: ignore[attr-defined]
            matrices.append(matrices[-1] / matrices[-1].sum(half % 2, keepdim=True))
        in_logs = matrices[-1] * grad
        for half in reversed(range(len(matrices))):
            total = in_logs.sum(half % 2, keepdim=True)
            in_logs = torch.addcmul(in_logs, matrices[half], total, value=-1)
        return in_logs, None


class _ImplicitSinkhorn(torch.autograd.Function):
    """The rounds with the gradient of their limit, which is itself differentiable."""

    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor, rounds: int) -> Tensor:
        return _rounds(logits, rounds)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, int], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:
        (matrix,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return _implicit_gradient(matrix, grad), None


def _implicit_gradient(matrix: Tensor, grad: Tensor) -> Tensor:
    """dLoss/dL from P and dLoss/dP, all [n, n, matrices]."""
    size = matrix.shape[0]
    product = matrix * grad
    rows, columns = product.sum(1), product.sum(0)
    eye = torch.eye(size, dtype=matrix.dtype, device=matrix.device)
    # Close to a permutation I - P'P vanishes; the ridge keeps the system solvable, and the small
    # elements of P that multiply its solution keep the gradient small.
    ridge = size * torch.finfo(matrix.dtype).eps
    inner = (matrix[:, :, None] * matrix[:, None]).sum(0)
    system = eye[..., None] - inner + (eye[..., None] * ridge + 1 / size)
    right = columns - (matrix * rows[:, None]).sum(0)
    b: Tensor = torch.linalg.solve(system.permute(2, 0, 1), right.mT).mT
    a = rows - (matrix * b).sum(1)
    result: Tensor = product - matrix * (a[:, None] + b)
    return result
