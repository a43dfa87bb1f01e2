"""G203 collapsed-gradient: five layers, the middle one of two units."""

from __future__ import annotations

from itertools import pairwise

from packaged_data import Example, on_digits
from torch import Tensor, nn


class Net(nn.Module):
    """Wide, narrow, wide: all that one half knows of the other passes the middle."""

    def __init__(self, middle: int) -> None:
        super().__init__()
        sizes = [64, 64, 64, middle, 64, 64]
        self.stem = nn.Linear(64, 64)
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes))
        self.head = nn.Linear(64, 10)
        for layer in self.layers:
            nn.init.xavier_normal_(layer.get_parameter("weight"))
            nn.init.zeros_(layer.get_parameter("bias"))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x).tanh()
        logits: Tensor = self.head(x)
        return logits


def broken() -> Example:
    return on_digits(Net(middle=2))


def mended() -> Example:
    return on_digits(Net(middle=32))
