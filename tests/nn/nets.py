"""Nets of many blocks that the tests of the workshop's theories share."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from plusone.nn import Residual


def unit_linear(width: int) -> nn.Linear:
    """A linear layer that keeps the second moment of its input: variance 1/width, no bias."""
    layer = nn.Linear(width, width, bias=False)
    nn.init.normal_(layer.weight, std=1 / math.sqrt(width))
    return layer


def second_moment(net: nn.Module, width: int = 256, batch: int = 64) -> float:
    """E y^2 over units and samples for inputs of unit second moment, in float64."""
    with torch.no_grad():
        x = torch.randn(batch, width, dtype=torch.float64)
        x = x / x.square().mean().sqrt()
        return float(net.double()(x).square().mean())


class TwoLayers(nn.Module):
    """W2 relu(W1 x), registered in the order that does not run."""

    def __init__(self, width: int, *, bias: bool = True) -> None:
        super().__init__()
        self.second = nn.Linear(width, width, bias=bias)
        self.first = nn.Linear(width, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(x)))


def mlp(width: int, num_layers: int, *, bias: bool = True) -> nn.Sequential:
    """A branch of `num_layers` linear layers with ReLU between."""
    parts: list[nn.Module] = []
    for number in range(num_layers):
        parts.extend([nn.ReLU()] if number else [])
        parts.append(nn.Linear(width, width, bias=bias))
    return nn.Sequential(*parts)


class SelfAttention(nn.Module):
    """nn.MultiheadAttention of x with itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.attention(x, x, x, need_weights=False)[0]
        return out


def transformer(width: int, num_layers: int, **options: object) -> nn.Sequential:
    """Layers of attention and feed-forward blocks, with `Residual`'s options."""
    blocks: list[nn.Module] = []
    for _ in range(num_layers):
        for branch in (SelfAttention(width), mlp(width, 2)):
            made = {k: v() if callable(v) else v for k, v in options.items()}
            blocks.append(Residual(branch, norm=nn.LayerNorm(width), **made))
    return nn.Sequential(*blocks)
