"""A304 fading-signal: weights of one small deviation for layers of any size."""

from __future__ import annotations

from collections.abc import Callable

from packaged_data import Example, on_digits
from torch import Tensor, nn
from torch.nn import functional as F


def broken_start(weight: Tensor) -> Tensor:
    return nn.init.normal_(weight, std=0.02)


class Net(nn.Module):
    """Seven hidden layers with ReLU."""

    def __init__(self, start: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.stem = nn.Linear(64, 128)
        self.layers = nn.ModuleList(nn.Linear(128, 128) for _ in range(7))
        self.head = nn.Linear(128, 10)
        for layer in (self.stem, *self.layers, self.head):
            start(layer.get_parameter("weight"))
            nn.init.zeros_(layer.get_parameter("bias"))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = F.relu(layer(x))
        logits: Tensor = self.head(x)
        return logits


def broken() -> Example:
    return on_digits(Net(broken_start))


def mended_start(weight: Tensor) -> Tensor:
    return nn.init.kaiming_normal_(weight)


def mended() -> Example:
    return on_digits(Net(mended_start))
