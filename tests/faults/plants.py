"""Faults planted in a healthy model: each function breaks one block, in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


def after(block: nn.Module, layer: str, then: Callable[[Tensor], Tensor]) -> None:
    """Put `then` behind the layer at the dotted path `layer` of `block`."""
    module = block.get_submodule(layer)
    inner = module.forward
    module.forward = lambda x: then(inner(x))  # type: ignore[method-assign]


def times(layers: Iterable[nn.Module], factor: float) -> None:
    """Multiply the weights and biases of some layers."""
    with torch.no_grad():
        for layer in layers:
            for parameter in layer.parameters():
                parameter.mul_(factor)


def zeros(layers: Iterable[nn.Module]) -> None:
    """Set the weights and biases of some layers to zero."""
    times(layers, 0.0)


def shut(layer: nn.Module, bias: float = -1e3) -> None:
    """Push every unit of a layer so far below zero that a ReLU behind it never opens."""
    with torch.no_grad():
        layer.get_parameter("bias").fill_(bias)


def poison(layer: nn.Module, number: float, *, everywhere: bool = False) -> None:
    """Put NaN or an infinity into one weight of a layer, or into all."""
    with torch.no_grad():
        weight = layer.get_parameter("weight")
        (weight if everywhere else weight.view(-1)[:1]).fill_(number)


def divide_by_zero(x: Tensor) -> Tensor:
    """x / 0."""
    return x / (x - x)


def log_of_zero(x: Tensor) -> Tensor:
    """log(0) where x is at most zero, as after a ReLU."""
    return torch.relu(x).log()


def root_of_zero(x: Tensor) -> Tensor:
    """x + sqrt(0): the value is right, the gradient is not a number."""
    return x + (x * 0.0).sqrt()


def norm_of_zero(x: Tensor) -> Tensor:
    """x + |0|, with the length written as a root of a sum: its gradient at zero is 0/0."""
    return x + (x * 0.0).square().sum(-1, keepdim=True).sqrt()


def overflow(x: Tensor) -> Tensor:
    """exp of a large number and its logarithm: softplus written without care."""
    return (1.0 + (x * 1e4).exp()).log()


def freeze(module: nn.Module) -> None:
    """No parameter of the module takes a gradient."""
    for parameter in module.parameters():
        parameter.requires_grad_(False)
