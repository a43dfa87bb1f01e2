"""S104 missing-skip: in one of the lines that were copied, `x +` got lost."""

from __future__ import annotations

from packaged_data import Example, on_digits
from torch import Tensor, nn


def branch() -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))


class BrokenNet(nn.Module):
    """Six residual layers, written out one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(64, 64)
        self.layer1, self.layer2, self.layer3 = branch(), branch(), branch()
        self.layer4, self.layer5, self.layer6 = branch(), branch(), branch()
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.layer1(x)
        x = x + self.layer2(x)
        x = x + self.layer3(x)
        x = self.layer4(x)
        x = x + self.layer5(x)
        x = x + self.layer6(x)
        logits: Tensor = self.head(x)
        return logits


def broken() -> Example:
    return on_digits(BrokenNet())


class MendedNet(BrokenNet):
    """The same with the skip around the fourth layer, too."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.layer1(x)
        x = x + self.layer2(x)
        x = x + self.layer3(x)
        x = x + self.layer4(x)
        x = x + self.layer5(x)
        x = x + self.layer6(x)
        logits: Tensor = self.head(x)
        return logits


def mended() -> Example:
    return on_digits(MendedNet())
