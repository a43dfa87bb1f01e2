"""How alike the nodes of a graph are: relative Dirichlet energy and mean average distance.

Sums of squares of differences throughout: nodes that agree to 1e-7 keep their digits.
"""

from __future__ import annotations

import torch
from torch import Tensor

from plusone.labs.data import Graph


def relative_energy(x_NC: Tensor, graph: Graph) -> float:
    """tr(X^T (I - P) X) / |X|^2 with P = D^-1/2 (A + I) D^-1/2; zero for a signal of zeros.

    Half the sum over the entries (i, j) of A + I of |x_i / sqrt(d_i) - x_j / sqrt(d_j)|^2: between
    0, where X is sqrt(d) times one row, and 2. Divided by |X|^2, since the energy itself falls with
    a signal that fades and grows with one that explodes (Rusch et al. 2023, arXiv 2303.10993).
    """
    x_NC = x_NC.detach().double()
    source, target = graph.edges
    scaled_NC = x_NC / degrees(graph).sqrt()[:, None]
    total = float((scaled_NC[source] - scaled_NC[target]).square().sum()) / 2
    size = float(x_NC.square().sum())
    return total / size if size > 0 else 0.0


def degrees(graph: Graph) -> Tensor:
    """The degrees of A + I [N], float64: the entry of P for a loop is 1 / d."""
    source, target = graph.edges
    is_loop = source == target
    found = torch.empty(len(graph.features), dtype=torch.float64)
    found[source[is_loop]] = 1 / graph.weights[is_loop].double()
    return found.round()


def mean_average_distance(x_NC: Tensor) -> float:
    """The mean over all pairs of nodes of 1 - cos(x_i, x_j); nodes of zeros are left out.

    (|u_1 - m|^2 + ... + |u_N - m|^2) / (N - 1) with the directions u and their mean m, so that no
    pair is formed (Chen et al. 2020, arXiv 1909.03211, equation 3, with the cosine distance).
    """
    u_NC = _directions(x_NC)
    return float((u_NC - u_NC.mean(0)).square().sum()) / (len(u_NC) - 1) if len(u_NC) > 1 else 0.0


def neighbour_distance(x_NC: Tensor, graph: Graph) -> float:
    """The same over joined nodes alone; an edge with a node of zeros counts 1/2 or 0."""
    x_NC = x_NC.detach().double()
    u_NC = x_NC / x_NC.norm(dim=1, keepdim=True).clamp_min(1e-300)
    source, target = graph.edges[:, graph.edges[0] != graph.edges[1]]
    return float((u_NC[source] - u_NC[target]).square().sum(1).mean()) / 2


def _directions(x_NC: Tensor) -> Tensor:
    x_NC = x_NC.detach().double()
    length_N1: Tensor = x_NC.norm(dim=1, keepdim=True)
    kept = length_N1[:, 0] > 0
    u_NC: Tensor = x_NC[kept] / length_N1[kept]
    return u_NC
