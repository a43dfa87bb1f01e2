"""Healthy nets of other kinds: dense, gated, recurrent, adaptive norms, encoder and decoder."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DenseNet(nn.Module):
    """Each layer reads all earlier ones (Huang et al. 2017), with batch norm."""

    def __init__(self, depth: int, growth: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, growth, 3, 1, 1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(growth * (k + 1)) for k in range(depth))
        self.layers = nn.ModuleList(
            nn.Conv2d(growth * (k + 1), growth, 3, 1, 1) for k in range(depth)
        )
        self.head = nn.Linear(growth * (depth + 1), 10)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        x = self.stem(x)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = torch.cat([x, layer(F.relu(norm(x)))], 1)
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


class Highway(nn.Module):
    """T h + (1 - T) x with a gate that starts nearly shut (Srivastava et al. 2015)."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Linear(12, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.gates = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        for gate in self.gates:
            nn.init.constant_(gate.bias, -2.0)
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        x = self.stem(x)
        for layer, gate in zip(self.layers, self.gates, strict=True):
            t = torch.sigmoid(gate(x))
            x = t * torch.relu(layer(x)) + (1 - t) * x
        logits: Tensor = self.head(x)
        return logits


class Adaptive(nn.Module):
    """A transformer whose norms and gates come from a condition, all zero at first (DiT)."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(12, width)
        self.condition = nn.Linear(4, width)
        self.norms = nn.ModuleList(
            nn.LayerNorm(width, elementwise_affine=False) for _ in range(depth)
        )
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            for _ in range(depth)
        )
        self.modulations = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(depth))
        self.final = nn.Linear(width, 12)
        for layer in (*self.modulations, self.final):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """The predicted noise."""
        x, c = self.embed(x), F.silu(self.condition(condition))
        for norm, mlp, modulation in zip(self.norms, self.mlps, self.modulations, strict=True):
            shift, scale, gate = modulation(c)[:, None].chunk(3, -1)
            x = x + gate * mlp(norm(x) * (1 + scale) + shift)
        noise: Tensor = self.final(x)
        return noise


class Gated(nn.Module):
    """Residual blocks with squeeze-and-excitation, each ending in a zero batch-norm gain."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 1, 1)
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, 1, 1) for _ in range(depth))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(depth))
        self.gates = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 4), nn.ReLU(), nn.Linear(4, width), nn.Sigmoid())
            for _ in range(depth)
        )
        for norm in self.norms:
            nn.init.zeros_(norm.weight)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        x = self.stem(x)
        for conv, norm, gate in zip(self.convs, self.norms, self.gates, strict=True):
            h = norm(conv(F.relu(x)))
            x = x + h * gate(h.mean((2, 3)))[:, :, None, None]
        logits: Tensor = self.head(F.relu(x).mean((2, 3)))
        return logits


class Recurrent(nn.Module):
    """Two LSTM layers with a skip around the second, and a head on the last step."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.LSTM(12, width, batch_first=True)
        self.second = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        x, _ = self.first(x)
        x = x + self.second(x)[0]
        logits: Tensor = self.head(x[:, -1])
        return logits


class Autoencoder(nn.Module):
    """Six layers down to a code and up again."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [12, 32, 16, 6, 16, 32, 12]
        pairs = list(pairwise(sizes))
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairs)

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction."""
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x), 0.2)
        out: Tensor = self.layers[-1](x)
        return out


def encoder(depth: int, width: int, *, norm_first: bool) -> nn.Module:
    """torch's own transformer encoder."""
    layer = nn.TransformerEncoderLayer(
        width, 4, 2 * width, batch_first=True, norm_first=norm_first, activation="gelu"
    )
    return nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
