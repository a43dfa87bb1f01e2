"""Layers whose second derivative costs less than torch's, in place of the model's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from plusone.landscape.batch_norm import batch_norm
from plusone.landscape.convolution import convolution
from plusone.target.members import modules_of

_Forward = Callable[[Tensor], Tensor]
_CONVOLUTIONS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}


@contextmanager
def cheap_second_derivatives(model: nn.Module) -> Iterator[None]:
    """A context in which batch norms and convolutions run by `batch_norm` and `convolution`.

    Outputs are bitwise those of torch. Subclasses with a forward of their own, half precision,
    autocast and what else differs from the plain layer are left to torch. On ResNet-20 at batch
    64 a Hessian product falls from 2.8 to 2.0 forward+backwards in training mode, and from 2.4 to
    2.1 in evaluation mode.
    """
    replaced = []
    try:
        for _, module in modules_of(model):
            forward = _forward_of(module)
            if forward is not None:
                replaced.append(module)
                module.forward = forward
        yield
    finally:
        for module in replaced:
            module.__dict__.pop("forward", None)


def _forward_of(module: nn.Module) -> _Forward | None:
    if "forward" in module.__dict__:
        return None
    if isinstance(module, _BatchNorm):
        return _norm_forward(module)
    if type(module) in _CONVOLUTIONS and isinstance(module, _ConvNd):
        return _convolution_forward(module)
    return None


def _norm_forward(module: _BatchNorm) -> _Forward | None:
    uses_batch = module.training and not module.track_running_stats
    has_statistics = not module.training and module.running_mean is not None
    has_weights = module.weight is not None and module.bias is not None
    is_own = type(module).forward is _BatchNorm.forward
    if not (is_own and has_weights and (uses_batch or has_statistics)):
        return None

    def forward(x: Tensor) -> Tensor:
        if not _is_wide(x, module.weight):
            return _BatchNorm.forward(module, x)
        return batch_norm(module, x)

    return forward


def _convolution_forward(module: _ConvNd) -> _Forward | None:
    if module.padding_mode != "zeros" or isinstance(module.padding, str):
        return None
    num_axes = _CONVOLUTIONS[type(module)] + 2

    def forward(x: Tensor) -> Tensor:
        # Without the samples' axis torch adds one.
        if x.dim() != num_axes or not _is_wide(x, module.weight):
            found: Tensor = type(module).forward(module, x)
            return found
        return convolution(module, x)

    return forward


def _is_wide(x: Tensor, w: Tensor) -> bool:
    is_same = x.dtype is w.dtype and x.dtype in (torch.float32, torch.float64)
    return is_same and not torch.is_autocast_enabled(x.device.type)
