"""Fully connected networks that do not train, as users write them."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def plain_mlp() -> nn.Module:
    """40 linear layers with ReLU in one nn.Sequential, PyTorch's own initialisation."""
    layers: list[nn.Module] = [nn.Flatten(), nn.Linear(784, 64), nn.ReLU()]
    for _ in range(40):
        layers += [nn.Linear(64, 64), nn.ReLU()]
    layers.append(nn.Linear(64, 10))
    return nn.Sequential(*layers)


class TanhNet(nn.Module):
    """50 layers with tanh in a loop over a ModuleList."""

    def __init__(self, depth: int = 50, hidden: int = 48) -> None:
        super().__init__()
        self.input = nn.Linear(64, hidden)
        self.hidden = nn.ModuleList([nn.Linear(hidden, hidden) for _ in range(depth)])
        self.output = nn.Linear(hidden, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.input(x))
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return self.output(x)


class SigmoidNet(nn.Module):
    """The classic: 12 sigmoid layers."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [784, 128, 128, 96, 96, 96, 64, 64, 64, 64, 32, 32, 32]
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in pairwise(sizes)])
        self.classifier = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = x.view(x.size(0), -1)
        for layer in self.layers:
            x = torch.sigmoid(layer(x))
        return self.classifier(x)


class AmplifiedBlock(nn.Module):
    """A two-layer branch, added with a factor that is far too large."""

    def __init__(self, dim: int, factor: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, dim)
        self.fc2 = nn.Linear(dim, dim)
        self.factor = factor
        for fc in (self.fc1, self.fc2):
            nn.init.kaiming_normal_(fc.weight, nonlinearity="relu")
            nn.init.zeros_(fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        out = self.fc2(F.relu(self.fc1(x)))
        return x + self.factor * out


def amplified_residual_mlp() -> nn.Module:
    """A residual MLP of 20 blocks whose branches are added five times."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 64),
        *[AmplifiedBlock(64, factor=5.0) for _ in range(20)],
        nn.Linear(64, 10),
    )


class DeadBlock(nn.Module):
    """relu(x + f(x)): He et al.'s block with linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.fc2(F.relu(self.fc1(x))))


class DeadReluNet(nn.Module):
    """A residual MLP whose own init_weights switches all its ReLUs off."""

    def __init__(self, width: int = 64, blocks: int = 6) -> None:
        super().__init__()
        self.stem = nn.Linear(64, width)
        self.blocks = nn.Sequential(*[DeadBlock(width) for _ in range(blocks)])
        self.head = nn.Linear(width, 10)
        self.apply(self.init_weights)

    @staticmethod
    def init_weights(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.constant_(module.bias, -1.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(F.relu(self.stem(x))))
