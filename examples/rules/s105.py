"""S105 lost-detail: down to one position and up again, without a skip across."""

from __future__ import annotations

from packaged_data import Example, on_noisy_pixels
from torch import Tensor, nn


def convolutions(num_inputs: int, num_outputs: int) -> nn.Sequential:
    layer = nn.Conv2d(num_inputs, num_outputs, 3, padding=1)
    return nn.Sequential(layer, nn.BatchNorm2d(num_outputs), nn.ReLU())


class BrokenNet(nn.Module):
    """Which pixels are ink? 8 x 8 pixels become 4 x 4, 2 x 2 and 1 x 1, and 8 x 8 again."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = convolutions(1, 32)
        self.down = nn.ModuleList(convolutions(32, 32) for _ in range(3))
        self.up = nn.ModuleList(convolutions(32, 32) for _ in range(3))
        self.head = nn.Conv2d(32, 2, 1)
        self.pool, self.spread = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.down:
            x = layer(self.pool(x))
        for layer in self.up:
            x = layer(self.spread(x))
        classes: Tensor = self.head(x)
        return classes.permute(0, 2, 3, 1)


def broken() -> Example:
    return on_noisy_pixels(BrokenNet())


class MendedNet(BrokenNet):
    """The same with a skip at each resolution."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        passed: list[Tensor] = []
        for layer in self.down:
            passed.append(x)
            x = layer(self.pool(x))
        for layer in self.up:
            x = passed.pop() + layer(self.spread(x))
        classes: Tensor = self.head(x)
        return classes.permute(0, 2, 3, 1)


def mended() -> Example:
    return on_noisy_pixels(MendedNet())
