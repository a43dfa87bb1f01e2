"""Real data that packages carry, for the models of the rule pages: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

Inputs = Tensor | tuple[Tensor, Tensor]
Example = tuple[nn.Module, Inputs, Tensor, Callable[[Tensor, Tensor], Tensor]]


def on_digits(model: nn.Module) -> Example:
    """The model with scikit-learn's 1,797 handwritten digits, each 8 x 8 pixels in one row."""
    _, classes = load_digits(return_X_y=True)
    return model, digits(), torch.tensor(classes, dtype=torch.int64), F.cross_entropy


def digits() -> Tensor:
    """The digits' pixels [1797, 64], from 0 to 1."""
    pixels, _ = load_digits(return_X_y=True)
    return torch.tensor(pixels / 16.0, dtype=torch.float32)


def on_noisy_pixels(model: nn.Module) -> Example:
    """The model with the digits as noisy pictures [1797, 1, 8, 8]; is each pixel ink without it?"""
    pixels = digits()
    noise = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(0))
    pictures = (pixels + 0.2 * noise).view(-1, 1, 8, 8)
    return model, pictures, (pixels > 0.5).long().view(-1, 8, 8), pixel_loss


def on_reversed_strips(model: nn.Module) -> Example:
    """The model with the digits as 16 strips of 4 pixels; the targets are their ink, last first."""
    strips = digits().view(-1, 16, 4)
    return model, strips, (strips.flip(1) > 0.5).long(), pixel_loss


def classes_told_apart(codes: Tensor, which: Tensor) -> float:
    """The share of the digits `which` whose code's nearest class mean is that of their class."""
    _, classes = load_digits(return_X_y=True)
    own = torch.tensor(classes)[which]
    means = torch.stack([codes[own == k].mean(0) for k in range(10)])
    return float((torch.cdist(codes, means).argmin(1) == own).float().mean())


def pixel_loss(classes: Tensor, ink: Tensor) -> Tensor:
    """Cross-entropy over all pixels; their classes are the last dimension."""
    return F.cross_entropy(classes.flatten(0, -2), ink.flatten())


def on_karate_club(model: nn.Module) -> Example:
    """The model with Zachary's karate club: 34 members, their friendships, and their side.

    Each member's features are a row of the identity; the edges [2, number] go both ways and
    include one from each member to itself.
    """
    graph = nx.karate_club_graph()
    nodes = torch.eye(graph.number_of_nodes())
    pairs = [*graph.edges, *((b, a) for a, b in graph.edges), *((a, a) for a in graph.nodes)]
    sides = [club != "Mr. Hi" for _, club in graph.nodes(data="club")]
    return model, (nodes, torch.tensor(pairs).T), torch.tensor(sides).long(), F.cross_entropy
