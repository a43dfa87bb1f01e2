"""torch_geometric: graph networks, most of them as the papers' examples build them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.entry import Entry, Made, Skips

_NODES, _WIDTH, _DEPTH = 24, 16, 4


def ring() -> Tensor:
    """Edges of a ring with some chords, in both directions."""
    near = torch.stack([torch.arange(_NODES), (torch.arange(_NODES) + 1) % _NODES])
    far = torch.stack([torch.arange(_NODES), (torch.arange(_NODES) * 5 + 3) % _NODES])
    edges = torch.cat([near, far], 1)
    return torch.cat([edges, edges.flip(0)], 1)


def _inputs() -> tuple[Tensor, Tensor]:
    return torch.randn(_NODES, _WIDTH), ring()


def _gcn(jumps: str | None = None) -> Made:
    from torch_geometric.nn.models import GCN

    return GCN(_WIDTH, 32, num_layers=_DEPTH, out_channels=5, jk=jumps), _inputs()


def _gat() -> Made:
    from torch_geometric.nn.models import GAT

    return GAT(_WIDTH, 32, num_layers=_DEPTH, out_channels=5, heads=2), _inputs()


def _sage() -> Made:
    from torch_geometric.nn.models import GraphSAGE

    return GraphSAGE(_WIDTH, 32, num_layers=_DEPTH, out_channels=5), _inputs()


class _GCN2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        from torch_geometric.nn import GCN2Conv

        self.enter, self.leave = nn.Linear(_WIDTH, 32), nn.Linear(32, 5)
        self.convs = nn.ModuleList(
            GCN2Conv(32, alpha=0.1, theta=0.5, layer=i + 1) for i in range(_DEPTH)
        )

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = first = self.enter(x).relu()
        for conv in self.convs:
            x = conv(x, first, edge_index).relu()
        return self.leave(x)


class _DeepGCN(nn.Module):
    def __init__(self, block: str) -> None:
        super().__init__()
        from torch_geometric.nn import DeepGCNLayer, GENConv

        widths = [32 * (i + 1 if block == "dense" else 1) for i in range(_DEPTH + 1)]
        self.enter, self.leave = nn.Linear(_WIDTH, 32), nn.Linear(widths[-1], 5)
        self.layers = nn.ModuleList(
            DeepGCNLayer(
                GENConv(w, 32), nn.LayerNorm(w if block == "res+" else 32), nn.ReLU(), block
            )
            for w in widths[:-1]
        )

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = self.enter(x)
        for layer in self.layers:
            x = layer(x, edge_index)
        return self.leave(x)


GRAPH_MODELS = (
    Entry(
        name="pyg gcn",
        make=_gcn,
        skips=Skips(),
        because="a chain; the self-loops of the normalised adjacency are part of the layer",
        is_light=True,
    ),
    Entry(
        name="pyg gat",
        make=_gat,
        skips=Skips(),
        because="a chain; attention weights come from the layer's own output",
    ),
    Entry(
        name="pyg graphsage",
        make=_sage,
        skips=Skips(),
        because=(
            "W1 mean(neighbours) + W2 x is one linear layer with two weights. Debatable: W2 x "
            "goes around the aggregation, but no nonlinear branch is between"
        ),
    ),
    Entry(
        name="pyg gcn2",
        make=lambda: (_GCN2(), _inputs()),
        skips=Skips(scaled=2 * _DEPTH),
        because=(
            "each layer: (1 - alpha) P h + alpha h0, then (1 - beta) y + beta y W (Chen 2020, "
            "equation 5): two skips, both with a factor that is not one"
        ),
        is_light=True,
    ),
    Entry(
        name="pyg deepgcn res+",
        make=lambda: (_DeepGCN("res+"), _inputs()),
        skips=Skips(identity=2 * _DEPTH),
        because=(
            "4 layers x + conv(act(norm(x))), and in each GENConv the aggregated messages are "
            "added to x before the MLP: out = aggr + x (Li 2020, equation 3)"
        ),
        is_light=True,
    ),
    Entry(
        name="pyg deepgcn dense",
        make=lambda: (_DeepGCN("dense"), _inputs()),
        skips=Skips(identity=1, projection=_DEPTH - 1, concat=_DEPTH),
        because=(
            "4 layers cat(x, conv(x)), and in each GENConv x is added to the messages, from the "
            "second layer on through a linear layer, because the width has changed"
        ),
    ),
    Entry(
        name="pyg jumping knowledge cat",
        make=lambda: _gcn("cat"),
        skips=Skips(concat=_DEPTH - 1),
        because="all 4 layers' outputs are concatenated: 3 of them go around later layers",
    ),
)
