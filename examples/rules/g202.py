"""G202 exploding-gradient: branches as strong as their skips, and no norm."""

from __future__ import annotations

from packaged_data import Example, on_digits
from torch import Tensor, nn

NUM_BLOCKS = 14


def branch() -> nn.Sequential:
    """Two layers with the weights of He et al. 2015."""
    first, second = nn.Linear(64, 64), nn.Linear(64, 64)
    nn.init.kaiming_normal_(first.weight)
    nn.init.kaiming_normal_(second.weight)
    return nn.Sequential(first, nn.ReLU(), second)


class BrokenNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(64, 64)
        self.blocks = nn.ModuleList(branch() for _ in range(NUM_BLOCKS))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        logits: Tensor = self.head(x)
        return logits


def broken() -> Example:
    return on_digits(BrokenNet())


class MendedNet(BrokenNet):
    """The same with each branch scaled by one over the root of the number of blocks."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x) * NUM_BLOCKS**-0.5
        logits: Tensor = self.head(x)
        return logits


def mended() -> Example:
    return on_digits(MendedNet())
