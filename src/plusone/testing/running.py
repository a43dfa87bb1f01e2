"""How the assertions run a module: one tensor out, a float64 copy, a random state of their own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def output_of(module: Callable[..., object], inputs: tuple[object, ...]) -> Tensor:
    """The module's output; of a tuple or list the first tensor."""
    found = module(*inputs)
    if isinstance(found, (tuple, list)):
        found = found[0]
    assert isinstance(found, Tensor), f"The module returns {type(found).__name__}, not a tensor."
    return found


def double_copy(module: nn.Module) -> nn.Module:
    """A deep copy in float64, so that a difference of 1e-9 is a difference."""
    return copy.deepcopy(module).double()


def doubled(inputs: tuple[object, ...]) -> tuple[object, ...]:
    """The inputs with floating-point tensors in float64; the others as they are."""
    return tuple(
        x.detach().double() if isinstance(x, Tensor) and x.is_floating_point() else x
        for x in inputs
    )


def rms(x: Tensor) -> float:
    """The root mean square of all elements, in float64."""
    return float(x.detach().double().square().mean().sqrt())


def cotangent_for(output: Tensor, seed: int) -> Tensor:
    """Standard normal numbers in the output's shape, of a generator of their own."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(output.shape, generator=generator, dtype=torch.float64)
    return drawn.to(device=output.device, dtype=output.dtype)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The global random state at `seed`, and afterwards as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
