"""Draws that the methods share; each returns what it touched."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from plusone.nn.init.layers import Layer
from plusone.nn.init.report import Touched


def zeroed(layer: Layer) -> list[Touched]:
    """A layer that gives zero: weight and bias, or every parameter of a norm."""
    parameters = dict(layer.module.named_parameters(recurse=False))
    return [_zero(_join(layer.name, name), parameters[name]) for name in layer.own]


def zeroed_bias(layer: Layer) -> list[Touched]:
    """The layer's bias at zero, if it has one."""
    return [] if layer.bias is None else [_zero(f"{layer.name}.bias", layer.bias)]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _zero(name: str, parameter: Tensor) -> Touched:
    nn.init.zeros_(parameter)
    return Touched(name=name, action="zero", factor=0.0)


def he_normal(layer: Layer, factor: float, generator: torch.Generator | None) -> Touched:
    """Weights of standard deviation factor sqrt(2 / fan-in): He et al. 2015, arXiv 1502.01852."""
    fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, std=factor * math.sqrt(2 / fan_in), generator=generator)
    return Touched(name=f"{layer.name}.weight", action="He normal", factor=factor)


def xavier_normal(
    name: str, weight: Tensor, factor: float, generator: torch.Generator | None
) -> Touched:
    """Standard deviation factor sqrt(2 / (fan-in + fan-out)): Glorot and Bengio 2010."""
    nn.init.xavier_normal_(weight, gain=factor, generator=generator)
    return Touched(name=name, action="Xavier normal", factor=factor)


def normal(layer: Layer, std: float, factor: float, generator: torch.Generator | None) -> Touched:
    """Standard deviation factor * std, whatever the fan."""
    return normal_of(f"{layer.name}.weight", layer.weight, std, factor, generator)


def normal_of(
    name: str, weight: Tensor, std: float, factor: float, generator: torch.Generator | None
) -> Touched:
    """The same for any tensor."""
    nn.init.normal_(weight, std=factor * std, generator=generator)
    return Touched(name=name, action=f"normal, std {std:g}", factor=factor)
