"""S101 deep-stack-without-skip: thirty normalised layers in a row."""

from __future__ import annotations

from packaged_data import Example, on_digits
from torch import Tensor, nn


class BrokenNet(nn.Module):
    """VGG's way to depth: linear, batch norm, ReLU, and the same again."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(64, 64)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU()) for _ in range(30)
        )
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x)
        logits: Tensor = self.head(x)
        return logits


def broken() -> Example:
    return on_digits(BrokenNet())


class MendedNet(BrokenNet):
    """The same with an identity skip around each layer."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = x + layer(x)
        logits: Tensor = self.head(x)
        return logits


def mended() -> Example:
    return on_digits(MendedNet())
