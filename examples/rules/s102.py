"""S102 dead-branch: the factor of ReZero is a tensor that no optimiser knows."""

from __future__ import annotations

import torch
from packaged_data import Example, on_digits
from torch import Tensor, nn


class BrokenBlock(nn.Module):
    """ReZero: x + alpha F(x), where alpha is zero at first."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
        self.alpha = torch.zeros(1)

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.branch(x)
        return x + self.alpha * branch


class Net(nn.Module):
    def __init__(self, block: type[nn.Module]) -> None:
        super().__init__()
        self.stem = nn.Linear(64, 64)
        self.blocks = nn.ModuleList(block() for _ in range(4))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(x)
        return logits


def broken() -> Example:
    return on_digits(Net(BrokenBlock))


class MendedBlock(nn.Module):
    """The same with an alpha that learns."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.branch(x)
        return x + self.alpha * branch


def mended() -> Example:
    return on_digits(Net(MendedBlock))
