"""Directions in the space of the parameters: random and filter-normalised, or to another state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvTransposeNd

from plusone.errors import InputError
from plusone.landscape.loss import Terrain
from plusone.target.members import modules_of
from plusone.target.suggest import a

Direction: TypeAlias = tuple[torch.Tensor, ...]
"""One tensor for each parameter of a terrain."""

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)


def random_direction(terrain: Terrain, *, generator: torch.Generator) -> Direction:
    """A normal direction, filter by filter as long as the weights (see `filter_normalised`)."""
    drawn = []
    for parameter in terrain.parameters:
        noise = torch.randn(parameter.shape, generator=generator, dtype=_drawn_in(parameter))
        drawn.append(noise.to(parameter.device, parameter.dtype))
    return filter_normalised(terrain, drawn)


def filter_normalised(terrain: Terrain, direction: Sequence[torch.Tensor]) -> Direction:
    """d_f <- d_f |w_f| / |d_f| for each filter f: a step of 1 is a whole weight long.

    A filter is all that leads to one output: a row of a linear layer's weight, a channel of a
    convolution's (along dimension 1 where it is transposed). Biases, parameters of norms and
    whatever has fewer than two dimensions are held fixed (0); a filter of zeros gives zeros.
    Networks with ReLU and norms are the same under rescaled filters, and so is the picture.

    Reference: Li, Xu, Taylor, Studer and Goldstein (2018), arXiv:1712.09913, sec. 4.

    Raises:
        InputError: no parameter has filters.
    """
    axes = _filter_axes(terrain)
    pairs = zip(terrain.parameters, direction, axes, strict=True)
    found = tuple(
        torch.zeros_like(w, requires_grad=False) if axis is None else _scaled(d, w.detach(), axis)
        for w, d, axis in pairs
    )
    if all(axis is None for axis in axes):
        raise InputError(
            f"no trainable parameter of {terrain.subject.name} has filters (two dimensions or "
            "more, outside of norms), so there is no direction: only biases and norms may move"
        )
    return found


def direction_to(terrain: Terrain, state: Mapping[str, torch.Tensor]) -> Direction:
    """From where the model stands to the parameters in `state`, which lie at 1.

    Not normalised. Only parameters move; buffers stay as they are.

    Raises:
        InputError: the state lacks a parameter, or has it in another shape.
    """
    found = []
    for name, parameter in zip(terrain.layout.names, terrain.parameters, strict=True):
        other = state.get(name)
        if not isinstance(other, torch.Tensor):
            raise InputError(f"the state holds no tensor '{name}', but {a(other)}")
        if other.shape != parameter.shape:
            raise InputError(
                f"'{name}' has the shape {tuple(other.shape)} in the state and "
                f"{tuple(parameter.shape)} in {terrain.subject.name}"
            )
        there = other.detach().to(parameter.device, parameter.dtype)
        found.append(there - parameter.detach())
    return tuple(found)


def _drawn_in(parameter: torch.Tensor) -> torch.dtype:
    wide = (torch.float64, torch.complex64, torch.complex128)
    return parameter.dtype if parameter.dtype in wide else torch.float32


def _scaled(d: torch.Tensor, w: torch.Tensor, axis: int) -> torch.Tensor:
    others = [i for i in range(w.dim()) if i != axis]
    lengths = torch.linalg.vector_norm(d, dim=others, keepdim=True)
    wanted = torch.linalg.vector_norm(w, dim=others, keepdim=True)
    factor = torch.where(lengths > 0, wanted / lengths, torch.zeros_like(wanted))
    return d * factor


def _filter_axes(terrain: Terrain) -> list[int | None]:
    """For each parameter the dimension that counts its filters, or None where it stays fixed."""
    axis_of: dict[int, int | None] = {}
    for _, module in modules_of(terrain.subject.model):
        for name, parameter in module._parameters.items():
            if parameter is not None:
                axis_of.setdefault(id(parameter), _axis(module, name, parameter))
    return [axis_of.get(id(p), 0 if p.dim() > 1 else None) for p in terrain.parameters]


def _axis(module: nn.Module, name: str, parameter: torch.Tensor) -> int | None:
    kind = type(module).__name__
    if parameter.dim() < 2 or "bias" in name:
        return None
    if isinstance(module, _NORMS) or kind.endswith("Norm"):
        return None
    # transformers' Conv1D keeps its weight as inputs by outputs.
    is_turned = isinstance(module, _ConvTransposeNd) or kind == "Conv1D"
    return 1 if is_turned else 0
