"""A301 growing-signal: graph layers that add up the neighbours without a norm."""

from __future__ import annotations

import torch
from packaged_data import Example, on_karate_club
from torch import Tensor, nn
from torch.nn import functional as F


class BrokenLayer(nn.Module):
    """relu(W sum of the neighbours)."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(32, 32)
        nn.init.kaiming_normal_(self.linear.weight)

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        source, target = edges
        messages = nodes[source]
        total = torch.zeros_like(nodes).index_add(0, target, messages)
        return F.relu(self.linear(total))


class Net(nn.Module):
    def __init__(self, layer: type[nn.Module]) -> None:
        super().__init__()
        self.stem = nn.Linear(34, 32)
        self.layers = nn.ModuleList(layer() for _ in range(8))
        self.head = nn.Linear(32, 2)

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        nodes = self.stem(nodes)
        for layer in self.layers:
            nodes = layer(nodes, edges)
        logits: Tensor = self.head(nodes)
        return logits


def broken() -> Example:
    return on_karate_club(Net(BrokenLayer))


class MendedLayer(BrokenLayer):
    """The same with the symmetric weights of Kipf and Welling 2017."""

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        source, target = edges
        degree = torch.bincount(target).float()
        messages = nodes[source] * (degree[source] * degree[target]).rsqrt()[:, None]
        total = torch.zeros_like(nodes).index_add(0, target, messages)
        return F.relu(self.linear(total))


def mended() -> Example:
    return on_karate_club(Net(MendedLayer))
