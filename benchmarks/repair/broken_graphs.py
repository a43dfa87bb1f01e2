"""Graph networks that do not train, as users write them (after Kipf's pygcn)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class GraphConvolution(nn.Module):
    """A X W + b with a sparse A."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.empty(out_features))
        bound = 1.0 / math.sqrt(out_features)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor, adj: Tensor) -> Tensor:
        return torch.sparse.mm(adj, x @ self.weight) + self.bias


class DeepGCN(nn.Module):
    """A GCN of 24 layers."""

    def __init__(self, features: int = 1433, hidden: int = 32, classes: int = 7) -> None:
        super().__init__()
        self.gc_in = GraphConvolution(features, hidden)
        self.gcs = nn.ModuleList([GraphConvolution(hidden, hidden) for _ in range(22)])
        self.gc_out = GraphConvolution(hidden, classes)

    def forward(self, x: Tensor, adj: Tensor) -> Tensor:
        x = F.relu(self.gc_in(x, adj))
        for gc in self.gcs:
            x = F.relu(gc(x, adj))
        return self.gc_out(x, adj)


class SmoothedThenClassified(nn.Module):
    """Linear layers of nn, each behind a propagation, 20 times, with dropout; weights as in nn."""

    def __init__(self, features: int = 1433, hidden: int = 64, classes: int = 7) -> None:
        super().__init__()
        self.lin_in = nn.Linear(features, hidden)
        self.lins = nn.ModuleList([nn.Linear(hidden, hidden) for _ in range(20)])
        self.lin_out = nn.Linear(hidden, classes)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: Tensor, adj: Tensor) -> Tensor:
        h = torch.relu(self.lin_in(self.dropout(x)))
        for lin in self.lins:
            h = self.dropout(torch.relu(lin(torch.sparse.mm(adj, h))))
        return self.lin_out(h)
