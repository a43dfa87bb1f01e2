"""Does a module's `inverse` undo it, from both sides?"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn


@runtime_checkable
class Invertible(Protocol):
    """A module with an inverse: one tensor or a tuple of tensors in, the same out."""

    def inverse(self, *outputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The inputs that give these outputs."""
        ...


def assert_invertible(module: nn.Module, *inputs: Tensor, rtol: float = 1e-5) -> None:
    """Raise AssertionError unless `module.inverse` gives back the inputs, and outputs of its own.

    Two errors are measured relative to the root mean square: of inverse(module(x)) against x, and
    of module(inverse(y)) against y, where y is an output to which noise has been added that no
    forward pass made. The second finds an inverse that remembers its input, and one that is right
    on a part of the space only. Run modules with dropout in eval mode.
    """
    assert isinstance(module, Invertible), f"{type(module).__name__} has no method `inverse`."
    with torch.no_grad():
        outputs = _as_tuple(module(*inputs))
        _compare(_as_tuple(module.inverse(*outputs)), inputs, rtol, "inverse(module(x)) is not x")
        generator = torch.Generator().manual_seed(0)
        moved = tuple(_with_noise(y, generator) for y in outputs)
        found = _as_tuple(module(*_as_tuple(module.inverse(*moved))))
        _compare(found, moved, rtol, "module(inverse(y)) is not y")


def _as_tuple(value: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (value,) if isinstance(value, Tensor) else tuple(value)


def _with_noise(tensor: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(tensor.shape, generator=generator).to(tensor)
    return tensor + noise * tensor.square().mean().sqrt()


def _compare(found: tuple[Tensor, ...], wanted: tuple[Tensor, ...], rtol: float, what: str) -> None:
    shapes = [tuple(t.shape) for t in found], [tuple(t.shape) for t in wanted]
    assert shapes[0] == shapes[1], f"{what}: shapes {shapes[0]}, not {shapes[1]}."
    for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
        one, other = one.double(), other.double()
        assert bool(torch.isfinite(one).all()), f"{what}: tensor {number} is not finite."
        size = float(other.square().mean().sqrt())
        off = float((one - other).square().mean().sqrt()) / (size or 1.0)
        assert off <= rtol, f"{what}: tensor {number} is off by {off:.3g} (allowed {rtol:.1g})."
