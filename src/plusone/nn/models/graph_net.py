"""Graph convolutional networks: plain, residual, and with GCNII's initial residual.

With P = D^-1/2 (A + I) D^-1/2:
- "plain": H' = relu(P H W), the last layer without relu (Kipf and Welling 2017, arXiv 1609.02907,
  equations 2 and 9).
- "residual": H' = H + relu(P H W) in the hidden layers (their equation 14, appendix B).
- "initial": H_0 = relu(X W_0), H' = relu of `InitialResidual`, a linear head (Chen et al. 2020,
  arXiv 2007.02133, equation 5).

Weights: Glorot and Bengio 2010, uniform, as in Kipf's code; those of "initial" are its authors'.

Test: P against its definition; sparse and dense agree; plain and residual have the same parameters;
over 64 layers nodes stay apart with "initial" and become parallel without.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.models.branch_only import joined_by
from plusone.nn.models.checks import check_axes
from plusone.nn.residual import Residual
from plusone.nn.skips.initial import InitialResidual

GraphMethod = Literal["plain", "residual", "initial"]


class GraphNet(nn.Module):
    """`forward(x [nodes, num_features], adjacency [nodes, nodes])` to logits [nodes, num_classes].

    `adjacency` is P, dense or sparse (`normalized_adjacency` makes it). `num_layers` counts
    propagations, so that a plain net of 2 is Kipf and Welling's. Dropout is in front of each layer.

    Raises:
        InputError: fewer than 2 layers, or an unknown method.
    """

    def __init__(
        self,
        num_features: int,
        num_classes: int,
        *,
        width: int = 64,
        num_layers: int = 2,
        method: GraphMethod = "plain",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if method not in get_args(GraphMethod):
            names = ", ".join(get_args(GraphMethod))
            raise InputError(f"method is {method!r}; it must be one of {names}.")
        if num_layers < 2:
            raise InputError(f"num_layers is {num_layers}; a graph net has 2 layers or more.")
        self.num_features = num_features
        self.method = method
        self.dropout = nn.Dropout(dropout)
        self.first: nn.Module
        self.last: nn.Module
        if method == "initial":
            self.first, self.last = _linear(num_features, width), _linear(width, num_classes)
            self.hidden = nn.ModuleList(
                InitialResidual(Propagation(), width, layer=layer)
                for layer in range(1, num_layers + 1)
            )
        else:
            self.first = GraphConvolution(num_features, width)
            self.last = GraphConvolution(width, num_classes)
            self.hidden = nn.ModuleList(
                Residual(ReluConvolution(width), skip=joined_by(method == "residual"))
                for _ in range(num_layers - 2)
            )

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """Raises:
        InputError: the features or the adjacency have another shape.
        """
        check_axes(
            x, f"features [nodes, {self.num_features}]", axes=2, axis=1, size=self.num_features
        )
        if tuple(adjacency.shape) != (len(x), len(x)):
            raise InputError(
                f"{len(x)} nodes have an adjacency of shape ({len(x)}, {len(x)}); got "
                f"{tuple(adjacency.shape)}."
            )
        if self.method == "initial":
            return self._initial(x, adjacency)
        h = torch.relu(self.first(self.dropout(x), adjacency))
        for layer in self.hidden:
            h = layer(self.dropout(h), adjacency)
        logits: Tensor = self.last(self.dropout(h), adjacency)
        return logits

    def _initial(self, x: Tensor, adjacency: Tensor) -> Tensor:
        h = initial = torch.relu(self.first(self.dropout(x)))
        for layer in self.hidden:
            h = torch.relu(layer(self.dropout(h), initial, adjacency))
        logits: Tensor = self.last(self.dropout(h))
        return logits


class Propagation(nn.Module):
    """P H."""

    def forward(self, h: Tensor, adjacency: Tensor) -> Tensor:
        return adjacency @ h


class GraphConvolution(nn.Module):
    """P H W + b."""

    def __init__(self, num_inputs: int, num_outputs: int) -> None:
        super().__init__()
        self.linear = _linear(num_inputs, num_outputs, bias=False)
        self.bias = nn.Parameter(torch.zeros(num_outputs))

    def forward(self, h: Tensor, adjacency: Tensor) -> Tensor:
        mixed: Tensor = adjacency @ self.linear(h)
        return mixed + self.bias


class ReluConvolution(GraphConvolution):
    """relu(P H W + b), of a width that stays."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width)

    def forward(self, h: Tensor, adjacency: Tensor) -> Tensor:
        return torch.relu(super().forward(h, adjacency))


def _linear(num_inputs: int, num_outputs: int, *, bias: bool = True) -> nn.Linear:
    layer = nn.Linear(num_inputs, num_outputs, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def normalized_adjacency(edges: Tensor, num_nodes: int, *, sparse: bool = False) -> Tensor:
    """D^-1/2 (A + I) D^-1/2 [num_nodes, num_nodes] of an undirected graph, float32.

    `edges` [2, num_edges] are pairs of nodes, in one direction or both; repeated edges and loops
    count once. D holds the degrees of A + I. Kipf and Welling 2017, section 2.2.

    Raises:
        InputError: edges of another shape, or a node that does not exist.
    """
    check_axes(edges, "edges [2, num_edges]", axes=2, axis=0, size=2)
    if edges.numel() and not 0 <= int(edges.min()) <= int(edges.max()) < num_nodes:
        raise InputError(
            f"Edges join nodes from 0 to {num_nodes - 1}; got nodes from {int(edges.min())} to "
            f"{int(edges.max())}."
        )
    loops = torch.arange(num_nodes, device=edges.device).expand(2, -1)
    both = torch.cat((edges, edges.flip(0), loops), dim=1).unique(dim=1)
    degrees = torch.bincount(both[0], minlength=num_nodes).float()
    values = (degrees[both[0]] * degrees[both[1]]).rsqrt()
    shape = (num_nodes, num_nodes)
    adjacency = torch.sparse_coo_tensor(both, values, shape, check_invariants=True).coalesce()
    return adjacency if sparse else adjacency.to_dense()
