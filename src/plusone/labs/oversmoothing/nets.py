"""Graph nets of torch_geometric's layers that differ in how a layer's input is carried on.

All are an encoder (linear, ReLU), L layers and a linear head, so that depth counts propagations
alone and the head reads features. Dropout stands behind the encoder and in front of the head, not
between layers, where its noise would grow with depth.

The nets that keep the gradient have tanh and orthogonal weights (Xiao et al. 2018, arXiv
1806.05393). ReLU with orthogonal weights times sqrt(2) keeps its size too, and was tried first: but
without edges such a net of 16 layers did not learn its training nodes either (31 % right), so that
it could not tell over-smoothing from what depth does alone.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.labs.base.extra import need
from plusone.labs.data import Graph, cora, digit_blocks
from plusone.nn import Residual
from plusone.nn.models.branch_only import joined_by

METHODS = (
    "plain",
    "plain, orthogonal",
    "residual",
    "residual, orthogonal",
    "scaled residual",
    "initial residual",
)
CONTROL = "no edges, orthogonal"
CONTROLS = (
    CONTROL,
    "no edges, residual",
    "no edges, scaled residual",
    "no edges, residual, orthogonal",
)
OTHERS = ("jumping knowledge", "pair norm")
KNOWN = (*METHODS, *CONTROLS, *OTHERS)
GAIN = 1.05  # tanh at the edge of chaos
ALPHA, THETA = 0.1, 0.5  # of GCNII, its authors' for Cora
DROPOUT = 0.5
GRAPHS = {"cora": cora, "digits": digit_blocks}


class Symmetric(torch.autograd.Function):
    """P X for P = P^T, sparse by rows: the gradient is P g, where torch would transpose P anew."""

    @staticmethod
    def forward(ctx: Any, adjacency: Tensor, x: Tensor) -> Tensor:
        ctx.adjacency = adjacency
        return adjacency @ x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, ctx.adjacency @ gradients[0]


def propagated(adj_t: Tensor, x: Tensor) -> Tensor:
    """What torch_geometric's layers call `message_and_aggregate`, some four times as fast."""
    made: Tensor = Symmetric.apply(adj_t, x)  # type: ignore[no-untyped-call]
    return made


class Layer(nn.Module):
    """f(N(P H W + b)); P is a sparse matrix, N torch_geometric's PairNorm or nothing, f ReLU, or
    tanh with orthogonal weights."""

    def __init__(self, width: int, *, has_norm: bool = False, has_tanh: bool = False) -> None:
        super().__init__()
        layers = need("torch_geometric.nn")
        self.conv: nn.Module = layers.GCNConv(width, width, normalize=False)
        self.conv.message_and_aggregate = propagated
        self.norm: nn.Module | None = layers.PairNorm() if has_norm else None
        self.has_tanh = has_tanh
        if has_tanh:
            nn.init.orthogonal_(self.conv.get_parameter("lin.weight"), GAIN)

    def forward(self, h: Tensor, adjacency: Tensor) -> Tensor:
        h = self.conv(h, adjacency)
        h = h if self.norm is None else self.norm(h)
        return torch.tanh(h) if self.has_tanh else torch.relu(h)


class DeepGraphNet(nn.Module):
    """`forward(x [N, F], adjacency)` to logits [N, classes]; `states` gives what each layer makes.

    Weights are Glorot's, as in torch_geometric, but for the methods called orthogonal.
    """

    def __init__(self, method: str, sizes: tuple[int, int, int], depth: int) -> None:
        super().__init__()
        if method not in KNOWN:
            raise InputError(f"there is no method '{method}'; they are {', '.join(KNOWN)}")
        num_features, width, num_classes = sizes
        self.encode, self.decode = nn.Linear(num_features, width), nn.Linear(width, num_classes)
        self.dropout = nn.Dropout(DROPOUT)
        self.is_initial = method == "initial residual"
        self.layers = nn.ModuleList(_layer(method, width, depth, k) for k in range(depth))
        self.jump: nn.Module | None = None
        if method == "jumping knowledge":
            self.jump = need("torch_geometric.nn").JumpingKnowledge("max")

    def states(self, x: Tensor, adjacency: Tensor) -> list[Tensor]:
        """What the encoder and each layer make, [N, width] each."""
        found = [self.dropout(torch.relu(self.encode(x)))]
        for layer in self.layers:
            if self.is_initial:
                found.append(torch.relu(layer(found[-1], found[0], adjacency)))
            else:
                found.append(layer(found[-1], adjacency))
        return found

    def read(self, states: list[Tensor]) -> Tensor:
        """The logits."""
        last = states[-1] if self.jump is None else self.jump(states[1:])
        logits: Tensor = self.decode(self.dropout(last))
        return logits

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        return self.read(self.states(x, adjacency))


def _layer(method: str, width: int, depth: int, k: int) -> nn.Module:
    if method == "initial residual":
        conv = need("torch_geometric.nn").GCN2Conv
        made: nn.Module = conv(width, ALPHA, THETA, k + 1, normalize=False)
        made.message_and_aggregate = propagated  # type: ignore[assignment]
        return made
    return Residual(
        Layer(width, has_norm=method == "pair norm", has_tanh=method.endswith("orthogonal")),
        skip=joined_by("residual" in method),
        scale=1 / depth if method.endswith("scaled residual") else None,
    )


def adjacency_of(graph: Graph, method: str) -> Tensor:
    """P as a sparse matrix [N, N] in rows; the identity for the net without edges."""
    count = len(graph.features)
    if method in CONTROLS:
        loops = torch.arange(count).expand(2, -1)
        made = torch.sparse_coo_tensor(loops, torch.ones(count), check_invariants=True)
    else:
        made = torch.sparse_coo_tensor(
            graph.edges, graph.weights, (count, count), check_invariants=True
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that rows of sparse tensors are new in torch
        return made.coalesce().to_sparse_csr()


class OnGraph(nn.Module):
    """A net on one graph as a function of the numbers of nodes, to be trained on some of them."""

    def __init__(self, net: nn.Module, graph: Graph, adjacency: Tensor) -> None:
        super().__init__()
        self.net, self.features, self.adjacency = net, graph.features, adjacency

    def forward(self, nodes: Tensor) -> Tensor:
        logits: Tensor = self.net(self.features, self.adjacency)
        return logits[nodes]
