"""Whole Hessians, slow and obvious: row by row with `torch.autograd.functional.hessian`.

`torch.func.hessian` is no oracle here: under vmap the second derivatives with respect to the
weights of a batch norm in training mode come out wrong (torch 2.13; the matrix is not symmetric,
and finite differences of the gradient contradict it).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

LossFn = Callable[[Tensor, Tensor], Tensor]


def loss_at(
    model: nn.Module, x: Tensor, y: Tensor, loss_fn: LossFn, parameters: dict[str, Tensor]
) -> Tensor:
    """The loss with `parameters` in place of the model's own."""
    return loss_fn(functional_call(model, parameters, (x,)), y)


def dense_hessian(model: nn.Module, x: Tensor, y: Tensor, loss_fn: LossFn) -> Tensor:
    """The Hessian [N, N] over all parameters that require grad, in their order."""
    with sdpa_kernel(SDPBackend.MATH):
        H_NN: Tensor = torch.autograd.functional.hessian(*_loss_of(model, x, y, loss_fn))
    torch.testing.assert_close(H_NN, H_NN.T)
    return H_NN


def one_product(
    model: nn.Module, x: Tensor, y: Tensor, loss_fn: LossFn, *, along: Tensor
) -> Tensor:
    """The Hessian times one vector."""
    with sdpa_kernel(SDPBackend.MATH):
        _, found = torch.autograd.functional.hvp(*_loss_of(model, x, y, loss_fn), along)
    return found


def _loss_of(
    model: nn.Module, x: Tensor, y: Tensor, loss_fn: LossFn
) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """The loss as a function of one vector, and the vector of where the model stands."""
    named = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
    sizes = [p.numel() for p in named.values()]

    def loss(w: Tensor) -> Tensor:
        parts = w.split(sizes)
        moved = {n: part.view_as(p) for (n, p), part in zip(named.items(), parts, strict=True)}
        return loss_at(model, x, y, loss_fn, moved)

    return loss, torch.cat([p.reshape(-1) for p in named.values()])
