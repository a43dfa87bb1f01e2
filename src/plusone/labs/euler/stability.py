"""The step at which a deep net of equal Euler blocks begins to blow up, searched by running it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from plusone.nn import Euler

WIDTH = 8
KINDS = ("symmetric", "rotation - 0.1 I", "rotation - 0.5 I", "non-normal")
# Small enough that the tanh is a straight line: near the limit it would catch the growth otherwise.
AMPLITUDE = 1e-9
NUM_STEPS = 96
SHORTEST, LONGEST = 1e-2, 1e2


def matrix(kind: str, generator: torch.Generator) -> Tensor:
    """A random stable Jacobian [8, 8] of a kind."""
    b = torch.randn(WIDTH, WIDTH, generator=generator, dtype=torch.float64)
    eye = torch.eye(WIDTH, dtype=torch.float64)
    if kind == "symmetric":
        return -(b @ b.T) / WIDTH - 0.2 * eye
    if kind == "non-normal":
        return -eye + 2 * b.triu(1) / math.sqrt(WIDTH)
    return (b - b.T) / math.sqrt(2 * WIDTH) - (0.1 if "0.1" in kind else 0.5) * eye


class _Branch(nn.Module):
    """h tanh(A x), each row with a step h of its own."""

    def __init__(self, jacobian: Tensor, steps: Tensor) -> None:
        super().__init__()
        self.jacobian, self.steps = jacobian, steps[:, None]

    def forward(self, x: Tensor) -> Tensor:
        return self.steps * torch.tanh(x @ self.jacobian.T)


def growth(jacobian: Tensor, steps: Tensor, generator: torch.Generator, num_blocks: int) -> Tensor:
    """ln of the growth a block over the last three quarters, for each step, [steps].

    The state is brought back to its amplitude after every hundred blocks, as Lyapunov exponents are
    measured.
    """
    num_first = num_blocks // 400 * 100
    block = Euler(_Branch(jacobian, steps))
    x = torch.randn(len(steps), WIDTH, generator=generator, dtype=torch.float64)
    total = torch.zeros(len(steps), dtype=torch.float64)
    x = x / x.norm(dim=1, keepdim=True) * AMPLITUDE
    for number in range(num_blocks):
        x = block(x)
        if number % 100 == 99:
            size = x.norm(dim=1, keepdim=True) / AMPLITUDE
            x = x / size
            if number >= num_first:
                total += size[:, 0].log()
    return total / (num_blocks - num_first)


def measured_limit(jacobian: Tensor, generator: torch.Generator, num_blocks: int) -> float:
    """The first step of a grid at which the net grows, the grid made finer three times."""
    low, high = SHORTEST, LONGEST
    for _ in range(3):
        steps = torch.logspace(math.log10(low), math.log10(high), NUM_STEPS, dtype=torch.float64)
        grows = growth(jacobian, steps, generator, num_blocks) > 0
        first = int(grows.to(torch.int64).argmax()) if bool(grows.any()) else NUM_STEPS - 1
        low, high = float(steps[max(first - 1, 0)]), float(steps[first])
    return math.sqrt(low * high)
