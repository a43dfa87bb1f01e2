"""The gradient at each block, taken apart into the skip's and the branch's part."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.nn.models import BranchOnly


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Of each block, from the first: the sum's relative error, the skip's share |s|^2 / (|s|^2 +
    |b|^2) and the cosine of skip's part s and branch's part b (NaN where there is no skip).

    `decades` is log10 of the gradient's norm at each block's input, and at the last one's output,
    over the latter: L + 1 numbers.
    """

    decades: tuple[float, ...]
    error: tuple[float, ...]
    share: tuple[float, ...]
    cosine: tuple[float, ...]


def parts(net: nn.Module, twin: nn.Module, x: Tensor, y: Tensor, *, scale: float = 1.0) -> Parts:
    """The parts of the cross entropy's gradient in a net of `blocks` y = x + scale F(x).

    `twin` has the branches F as blocks. s = dL/dy, b = scale dL/dy dF/dx, the latter by a backward
    through the twin's block alone, and dL/dx by one through the net; norms are over all samples and
    units. A net whose blocks have a join in place of the sum (BranchOnly) has no s.
    """
    states, gradients = _gradients(net, x, y)
    has_skips = not any(isinstance(module, BranchOnly) for module in net.modules())
    error, share, cosine = [], [], []
    for block, state, dx, dy in zip(
        _blocks(twin), states[:-1], gradients[:-1], gradients[1:], strict=True
    ):
        inputs = state.detach().requires_grad_()
        (pulled,) = torch.autograd.grad(block(inputs), inputs, dy)
        branch = scale * pulled
        skip = dy if has_skips else torch.zeros_like(dy)
        error.append(float((skip + branch - dx).norm() / dx.norm()))
        share.append(float(skip.norm() ** 2 / (skip.norm() ** 2 + branch.norm() ** 2)))
        product = float(skip.norm() * branch.norm())
        cosine.append(float((skip * branch).sum()) / product if product else math.nan)
    return Parts(
        decades=_decades(gradients), error=tuple(error), share=tuple(share), cosine=tuple(cosine)
    )


def decades(net: nn.Module, x: Tensor, y: Tensor) -> tuple[float, ...]:
    """`Parts.decades` alone."""
    return _decades(_gradients(net, x, y)[1])


def _decades(gradients: tuple[Tensor, ...]) -> tuple[float, ...]:
    norms = torch.stack([g.double().norm() for g in gradients])
    return tuple((norms / norms[-1]).log10().tolist())


def _gradients(net: nn.Module, x: Tensor, y: Tensor) -> tuple[list[Tensor], tuple[Tensor, ...]]:
    """The stream before the first block and behind each, and the loss's gradients there."""
    states: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        states.extend((inputs[0], output) if not states else (output,))

    handles = [block.register_forward_hook(keep) for block in _blocks(net)]
    try:
        loss = F.cross_entropy(net(x), y)
    finally:
        for handle in handles:
            handle.remove()
    return states, torch.autograd.grad(loss, states)


def _blocks(net: nn.Module) -> nn.Sequential:
    blocks = net.get_submodule("blocks")
    assert isinstance(blocks, nn.Sequential)
    return blocks
