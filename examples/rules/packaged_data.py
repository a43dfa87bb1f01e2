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
    pixels, classes = load_digits(return_X_y=True)
    inputs = torch.tensor(pixels / 16.0, dtype=torch.float32)
    return model, inputs, torch.tensor(classes, dtype=torch.int64), F.cross_entropy


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
