"""Small subjects for the search's tests."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from plusone.target.subject import Subject, subject_of


def subject(*, depth: int = 6, width: int = 8, samples: int = 64, narrow_at: int = -1) -> Subject:
    """Linear layers with ReLU, in three classes of separable inputs."""
    torch.manual_seed(0)
    sizes = [width // 2 if t == narrow_at else width for t in range(depth + 1)]
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(sizes[-1], 3))
    y = torch.arange(samples) % 3
    x = torch.randn(samples, width) + 2 * F.one_hot(y, width)
    return subject_of(model, x, y, F.cross_entropy)


def nodes_by_hand(
    model: nn.Sequential, x: torch.Tensor, spans: tuple[int, ...], factor: float = 1.0
) -> list[torch.Tensor]:
    """The stream at each place with skips of these spans around branches times a factor; the first
    is behind the first layer."""
    layers = list(model)
    nodes = [layers[1](layers[0](x))]
    for t, span in enumerate(spans, start=1):
        value = layers[2 * t + 1](layers[2 * t](nodes[-1]))
        nodes.append(factor * value + nodes[t - span] if span else value)
    return nodes


def by_hand(model: nn.Sequential, x: torch.Tensor, spans: tuple[int, ...]) -> torch.Tensor:
    """The output with skips of these spans."""
    output: torch.Tensor = model[-1](nodes_by_hand(model, x, spans)[-1])
    return output
