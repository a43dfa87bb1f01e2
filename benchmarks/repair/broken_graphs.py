"""Graph networks that do not train, as users write them: edges [2, E] and their weights [E]."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def propagate(x: Tensor, edges: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum over each node's neighbours."""
    source, target = edges
    return torch.zeros_like(x).index_add(0, target, x[source] * weights[:, None])


class GraphConvolution(nn.Module):
    """Sends X W along weighted edges and sums: D^-1/2 (A + I) D^-1/2 X W + b."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.empty(out_features))
        bound = 1.0 / math.sqrt(out_features)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor, edges: Tensor, weights: Tensor) -> Tensor:
        return propagate(x @ self.weight, edges, weights) + self.bias


class DeepGCN(nn.Module):
    """A GCN of 24 layers."""

    def __init__(self, features: int = 1433, hidden: int = 32, classes: int = 7) -> None:
        super().__init__()
        self.gc_in = GraphConvolution(features, hidden)
        self.gcs = nn.ModuleList([GraphConvolution(hidden, hidden) for _ in range(22)])
        self.gc_out = GraphConvolution(hidden, classes)

    def forward(self, x: Tensor, edges: Tensor, weights: Tensor) -> Tensor:
        x = F.relu(self.gc_in(x, edges, weights))
        for gc in self.gcs:
            x = F.relu(gc(x, edges, weights))
        return self.gc_out(x, edges, weights)


class SmoothedThenClassified(nn.Module):
    """Linear layers of nn, each behind a propagation, 20 times, with dropout; weights as in nn."""

    def __init__(self, features: int = 1433, hidden: int = 64, classes: int = 7) -> None:
        super().__init__()
        self.lin_in = nn.Linear(features, hidden)
        self.lins = nn.ModuleList([nn.Linear(hidden, hidden) for _ in range(20)])
        self.lin_out = nn.Linear(hidden, classes)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: Tensor, edges: Tensor, weights: Tensor) -> Tensor:
        h = torch.relu(self.lin_in(self.dropout(x)))
        for lin in self.lins:
            h = self.dropout(torch.relu(lin(propagate(h, edges, weights))))
        return self.lin_out(h)
