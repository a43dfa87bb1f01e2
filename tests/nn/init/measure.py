"""What the tests of initialisations measure and build."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from nn.nets import mlp
from plusone.nn import Residual


def assert_std(weight: Tensor, expected: float, num_sigmas: float = 5) -> None:
    """The root mean square of n normal draws is off by 1/sqrt(2 n) of it."""
    found = float(weight.detach().double().square().mean().sqrt())
    allowed = num_sigmas / math.sqrt(2 * weight.numel())
    assert abs(found / expected - 1) < allowed, (found, expected, allowed)


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def is_unchanged(model: nn.Module, before: dict[str, Tensor]) -> bool:
    now = model.state_dict()
    return list(now) == list(before) and all(torch.equal(now[n], before[n]) for n in before)


def stack(depth: int, num_layers: int = 2, width: int = 32, **options: object) -> nn.Sequential:
    """`depth` Residuals around branches of `num_layers` linear layers, and a head."""
    made = {k: v() if callable(v) else v for k, v in options.items()}
    blocks = [Residual(mlp(width, num_layers), **made) for _ in range(depth)]
    return nn.Sequential(*blocks, nn.Linear(width, 10))


class HandWritten(nn.Module):
    """x + f(x) without a wrapper; the layers are registered in the order that does not run."""

    def __init__(self, width: int, branch: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.branch = branch(width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.branch(x)
        return out
