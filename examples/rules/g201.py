"""G201 vanishing-gradient: the mean of skip and branch halves the gradient in each block."""

from __future__ import annotations

from packaged_data import Example, on_digits
from torch import Tensor, nn


def branch() -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 64, bias=False), nn.ReLU(), nn.Linear(64, 64, bias=False))


class BrokenNet(nn.Module):
    """Twelve residual blocks that take the mean "so that the signal does not grow"."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(64, 64)
        self.blocks = nn.ModuleList(branch() for _ in range(12))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = 0.5 * x + 0.5 * block(x)
        logits: Tensor = self.head(x)
        return logits


def broken() -> Example:
    return on_digits(BrokenNet())


class MendedNet(BrokenNet):
    """The same with a skip that is the identity."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        logits: Tensor = self.head(x)
        return logits


def mended() -> Example:
    return on_digits(MendedNet())
