"""A305 lost-geometry: a tanh net whose weights are three times too large."""

from __future__ import annotations

from packaged_data import Example, on_digits
from torch import Tensor, nn


class Net(nn.Module):
    """Twenty tanh layers; `gain` 1 is the edge of chaos."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.stem = nn.Linear(64, 64)
        self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(20))
        self.head = nn.Linear(64, 10)
        for layer in self.layers:
            nn.init.normal_(layer.get_parameter("weight"), std=gain * 64**-0.5)
            nn.init.zeros_(layer.get_parameter("bias"))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x).tanh()
        logits: Tensor = self.head(x)
        return logits


def broken() -> Example:
    return on_digits(Net(gain=3.0))


def mended() -> Example:
    return on_digits(Net(gain=1.0))
