"""Transformers: pre-norm, post-norm, attention alone; on tokens or on vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head self-attention, causal or not."""

    def __init__(self, width: int, heads: int, *, is_causal: bool) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.heads, self.is_causal = heads, is_causal

    def forward(self, x: Tensor) -> Tensor:
        """The mixed tokens."""
        b, t, d = x.shape
        parts = self.qkv(x).view(b, t, 3, self.heads, d // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.is_causal)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(b, t, d))
        return out


class Layer(nn.Module):
    """Attention and MLP, each around a skip; `norm` is "pre" or "post"."""

    def __init__(self, width: int, heads: int, *, norm: str, is_causal: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads, is_causal=is_causal)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.norm = norm
        self.scale = 1.0
        self.skips_attn = self.skips_mlp = True

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        if self.norm == "pre":
            a = self.attn(self.norm1(x)) * self.scale
            x = x + a if self.skips_attn else a
            m = self.mlp(self.norm2(x)) * self.scale
            return x + m if self.skips_mlp else m
        a = self.attn(x)
        x = self.norm1(x + a if self.skips_attn else a)
        m = self.mlp(x)
        out: Tensor = self.norm2(x + m if self.skips_mlp else m)
        return out


class Transformer(nn.Module):
    """Tokens, positions, `depth` layers, a norm and a head."""

    def __init__(self, depth: int, width: int, heads: int, *, norm: str, is_causal: bool) -> None:
        super().__init__()
        self.tokens = nn.Embedding(50, width)
        self.positions = nn.Embedding(32, width)
        self.h = nn.ModuleList(
            Layer(width, heads, norm=norm, is_causal=is_causal) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 50, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        """The logits of each position."""
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        for layer in self.h:
            x = layer(x)
        logits: Tensor = self.head(self.norm(x))
        return logits


def transformer(
    depth: int = 6,
    width: int = 32,
    *,
    seed: int = 0,
    norm: str = "pre",
    is_causal: bool = True,
    std: float | None = None,
) -> Transformer:
    """A transformer; `std` is that of all weights (GPT-2: 0.02), None for PyTorch's own."""
    torch.manual_seed(seed)
    net = Transformer(depth, width, 4, norm=norm, is_causal=is_causal)
    if std is not None:
        for part in net.modules():
            if isinstance(part, nn.Linear | nn.Embedding):
                nn.init.normal_(part.weight, std=std)
            if isinstance(part, nn.Linear) and part.bias is not None:
                nn.init.zeros_(part.bias)
    return net


class Mixing(nn.Module):
    """Attention layers alone, without skips and MLPs: rank collapses doubly fast."""

    def __init__(self, depth: int, width: int, heads: int) -> None:
        super().__init__()
        self.embed = nn.Linear(12, width)
        self.layers = nn.ModuleList(Attention(width, heads, is_causal=False) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        """The tokens after the last layer."""
        x = self.embed(x)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = layer(norm(x))
        return x


def mixing(depth: int, width: int = 32, *, seed: int = 0) -> Mixing:
    """The attention-only net with values and projections that keep the signal's size."""
    torch.manual_seed(seed)
    net = Mixing(depth, width, 4)
    for layer in net.layers:
        nn.init.orthogonal_(layer.qkv.weight.data[2 * width :])
        nn.init.orthogonal_(layer.proj.weight)
        nn.init.zeros_(layer.qkv.bias)
        nn.init.zeros_(layer.proj.bias)
    return net


def tokens(batch: int = 4, length: int = 12, *, seed: int = 100) -> Tensor:
    """Random token numbers."""
    return torch.randint(0, 50, (batch, length), generator=torch.Generator().manual_seed(seed))


def vectors(batch: int = 4, length: int = 12, *, seed: int = 100) -> Tensor:
    """Random vectors of twelve numbers for each position."""
    return torch.randn(batch, length, 12, generator=torch.Generator().manual_seed(seed))
