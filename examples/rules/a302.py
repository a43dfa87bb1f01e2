"""A302 over-smoothing: a transformer that forgot the skip around its attention."""

from __future__ import annotations

import torch
from packaged_data import Example, on_digits
from torch import Tensor, nn
from torch.nn import functional as F


class BrokenBlock(nn.Module):
    """Attention, then x + MLP(norm(x)); each row of a digit is a token."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(16), nn.LayerNorm(16)
        self.qkv, self.project = nn.Linear(16, 48), nn.Linear(16, 16)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        x = self.project(F.scaled_dot_product_attention(q, k, v))
        branch: Tensor = self.mlp(self.norm2(x))
        return x + branch


class Net(nn.Module):
    def __init__(self, block: type[nn.Module]) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 16)
        self.places = nn.Parameter(torch.randn(8, 16))
        self.blocks = nn.ModuleList(block() for _ in range(4))
        self.head = nn.Linear(16, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.embed(pixels.view(-1, 8, 8)) + self.places
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(x.mean(1))
        return logits


def broken() -> Example:
    return on_digits(Net(BrokenBlock))


class MendedBlock(BrokenBlock):
    """The same with the skip."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        x = x + self.project(F.scaled_dot_product_attention(q, k, v))
        branch: Tensor = self.mlp(self.norm2(x))
        return x + branch


def mended() -> Example:
    return on_digits(Net(MendedBlock))
