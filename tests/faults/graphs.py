"""Graph convolutions: plain, residual, and with an initial residual (GCNII)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class GCNLayer(nn.Module):
    """A X W with the symmetrically normalised adjacency as list of edges."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.has_skip = True

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """The mixed and mapped nodes."""
        h = self.linear(x)
        source, target = edges
        degree = torch.zeros(x.shape[0]).index_add(0, target, torch.ones(target.shape[0]))
        weight = (degree[source] * degree[target]).rsqrt()
        return torch.zeros_like(h).index_add(0, target, h[source] * weight[:, None])


class GCN(nn.Module):
    """`depth` layers; `kind` is "plain", "residual" or "initial" (a part of the first features)."""

    def __init__(self, depth: int, width: int, kind: str) -> None:
        super().__init__()
        self.encode = nn.Linear(12, width)
        self.convs = nn.ModuleList(GCNLayer(width) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.decode = nn.Linear(width, 4)
        self.kind = kind

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """A score for each node."""
        x = first = F.relu(self.encode(x))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            if self.kind == "residual":
                h = conv(F.relu(norm(x)), edges)
                x = x + h if conv.has_skip else h
            elif self.kind == "initial":
                x = F.relu(0.8 * conv(x, edges) + 0.2 * first)
            else:
                x = F.relu(conv(x, edges))
        scores: Tensor = self.decode(x)
        return scores


def gcn(depth: int, width: int = 32, *, seed: int = 0, kind: str = "plain") -> GCN:
    """A GCN with He's weights."""
    torch.manual_seed(seed)
    net = GCN(depth, width, kind)
    for part in net.convs.modules():
        if isinstance(part, nn.Linear):
            nn.init.kaiming_normal_(part.weight)
            nn.init.zeros_(part.bias)
    return net


def graph(nodes: int = 40, degree: int = 6, *, seed: int = 100) -> tuple[Tensor, Tensor]:
    """Features and edges (both ways, with loops) of a random graph."""
    generator = torch.Generator().manual_seed(seed)
    source = torch.arange(nodes).repeat_interleave(degree // 2)
    target = torch.randint(0, nodes, source.shape, generator=generator)
    ring = torch.arange(nodes)
    forth = torch.stack([torch.cat([source, ring]), torch.cat([target, ring.roll(1)])])
    loops = torch.stack([ring, ring])
    edges = torch.cat([forth, forth.flip(0), loops], 1).unique(dim=1)
    return torch.randn(nodes, 12, generator=generator), edges
