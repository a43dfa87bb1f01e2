"""Convolution with a second derivative by two of torch's own kernels.

With y = x * w and the gradients g_x = g *^T w and g_w = x (x) g, let v_x and v_w be the cotangents
of these. As everything is bilinear, that of g is v_x * w + x * v_w, and those of x and w are the
very gradients that a convolution of v_x with v_w would send back from g. Torch makes the last of
them by a convolution whose kernel is as large as the image.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.conv import _ConvNd

_Numbers = tuple[int, ...]
_How = tuple[_Numbers, _Numbers, _Numbers, int]
"""Stride, padding, dilation and groups."""


def convolution(module: _ConvNd, x: Tensor) -> Tensor:
    """The output of a convolution with zero padding, bitwise that of torch."""
    assert not isinstance(module.padding, str)
    how = (module.stride, module.padding, module.dilation, module.groups)
    y: Tensor = _Convolution.apply(x, module.weight, module.bias, how)  # type: ignore[no-untyped-call]
    return y


class _Convolution(torch.autograd.Function):
    """y = x * w + b."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor | None, how: _How) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.how, ctx.has_bias = how, b is not None
        return _forward(x, w, b, how)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        wanted = (*ctx.needs_input_grad[:2], ctx.has_bias)
        arguments = (g, x, w, ctx.how, wanted)
        # Where nobody will differentiate again, as within a Hessian product, nothing is kept.
        find = _Gradient.apply if torch.is_grad_enabled() else _backward
        return (*find(*arguments), None)


class _Gradient(torch.autograd.Function):
    """(g_x, g_w, g_b); its backward is the second derivative."""

    @staticmethod
    def forward(
        ctx: Any, g: Tensor, x: Tensor, w: Tensor, how: _How, wanted: tuple[bool, bool, bool]
    ) -> tuple[Tensor | None, ...]:
        ctx.save_for_backward(g, x, w)
        ctx.how = how
        ctx.set_materialize_grads(False)
        return _backward(g, x, w, how, wanted)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: Any, v_x: Tensor | None, v_w: Tensor | None, v_b: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        g, x, w = ctx.saved_tensors
        for_g = None
        if v_x is not None:
            for_g = _forward(v_x, w, v_b, ctx.how)
        if v_w is not None:
            term = _forward(x, v_w, None if for_g is not None else v_b, ctx.how)
            for_g = term if for_g is None else for_g.add_(term)
        if for_g is None and v_b is not None:
            for_g = v_b.view(1, -1, *[1] * (g.dim() - 2)).expand_as(g)
        wanted = (
            ctx.needs_input_grad[1] and v_w is not None,
            ctx.needs_input_grad[2] and v_x is not None,
            False,
        )
        # Of v_x the gradient for x does not depend, nor that for w on v_w: shapes are enough.
        found = _backward(g, x if v_x is None else v_x, w if v_w is None else v_w, ctx.how, wanted)
        return for_g, found[0], found[1], None, None


def _forward(x: Tensor, w: Tensor, b: Tensor | None, how: _How) -> Tensor:
    stride, padding, dilation, groups = how
    none = [0] * len(stride)
    return torch.convolution(x, w, b, stride, padding, dilation, False, none, groups)


def _backward(
    g: Tensor, x: Tensor, w: Tensor, how: _How, wanted: tuple[bool, bool, bool]
) -> tuple[Tensor | None, ...]:
    if not any(wanted):
        return None, None, None
    stride, padding, dilation, groups = how
    found: tuple[Tensor | None, ...] = torch.ops.aten.convolution_backward(
        g, x, w, [w.shape[0]], stride, padding, dilation, False, [0] * len(stride), groups, wanted
    )
    return found
