"""Over-smoothing and rank collapse (A302): nodes or tokens that become alike over the depth.

Models with dropout are in eval mode: its noise draws positions apart in train mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from diagnostics.case import Built, Case
from faults import graphs
from plusone.nn import Residual
from plusone.nn.models import GraphNet, ImageTransformer, TextTransformer, normalized_adjacency

NODES, FEATURES = 120, 12


def graph() -> tuple[Tensor, Tensor]:
    """Features and edges of a random graph that is connected."""
    return graphs.graph(NODES, 6)


def with_matrix(model: nn.Module, *, sparse: bool = False) -> Built:
    """In eval mode: dropout in front of each layer draws nodes apart, and learns nothing."""
    x, edges = graph()
    return Built(model=model.eval(), inputs=(x, normalized_adjacency(edges, NODES, sparse=sparse)))


def with_edges(model: nn.Module) -> Built:
    return Built(model=model, inputs=graph())


def geometric(name: str, depth: int, **options: Any) -> Built:
    """A stack of one of torch_geometric's model classes."""
    import torch_geometric.nn as layers

    return with_edges(getattr(layers, name)(FEATURES, 32, depth, 4, **options))


class Convolutions(nn.Module):
    """An encoder, layers of torch_geometric's convolution, and a head."""

    def __init__(self, layers: Iterator[nn.Module] | list[nn.Module], width: int = 32) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(FEATURES, width), nn.Linear(width, 4)
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        h = first = torch.relu(self.encode(x))
        for layer in self.layers:
            h = layer(h, first, edges) if type(layer).__name__ == "GCN2Conv" else layer(h, edges)
            h = torch.relu(h) if type(layer).__name__ == "GCN2Conv" else h
        scores: Tensor = self.decode(h)
        return scores


class Mixed(nn.Module):
    """f(conv(h, edges)), perhaps normed before f."""

    def __init__(
        self,
        conv: nn.Module,
        norm: nn.Module | None = None,
        act: Callable[[Tensor], Tensor] = torch.relu,
    ) -> None:
        super().__init__()
        self.conv, self.norm, self.act = conv, norm, act

    def forward(self, h: Tensor, edges: Tensor) -> Tensor:
        h = self.conv(h, edges)
        return self.act(h if self.norm is None else self.norm(h))


def _conv(name: str, *args: Any, **options: Any) -> nn.Module:
    import torch_geometric.nn as layers

    made: nn.Module = getattr(layers, name)(*args, **options)
    return made


def _orthogonal(depth: int) -> list[nn.Module]:
    layers = [Mixed(_conv("GCNConv", 32, 32), act=torch.tanh) for _ in range(depth)]
    for layer in layers:
        nn.init.orthogonal_(layer.conv.lin.weight, 1.05)  # type: ignore[arg-type, union-attr]
    return list(layers)


class DenseGraphs(nn.Module):
    """Batches of graphs [B, N, F] with adjacencies [B, N, N]."""

    def __init__(self, depth: int, *, has_skips: bool) -> None:
        super().__init__()
        self.encode = nn.Linear(FEATURES, 32)
        self.layers = nn.ModuleList(nn.Linear(32, 32, bias=False) for _ in range(depth))
        self.has_skips = has_skips
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight)
        self.head = nn.Linear(32, 3)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        h = first = self.encode(x)
        for layer in self.layers:
            mixed = torch.relu(adjacency @ layer(h))
            h = 0.8 * mixed + 0.2 * first if self.has_skips else mixed
        scores: Tensor = self.head(h.mean(1))
        return scores


def _molecules(*, has_skips: bool) -> Built:
    x, edges = graph()
    p = normalized_adjacency(edges, NODES)[:30, :30]
    x = torch.randn(16, 30, FEATURES)
    return Built(model=DenseGraphs(24, has_skips=has_skips), inputs=(x, p.expand(16, -1, -1)))


class Attention(nn.Module):
    """Self-attention and perhaps a feed-forward part, each with a skip or without."""

    def __init__(self, depth: int, *, has_skips: bool, has_mlp: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.MultiheadAttention(32, 4, batch_first=True) for _ in range(depth)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(32) for _ in range(depth))
        mlp = (nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32))
        self.mlps = nn.ModuleList(
            nn.Sequential(*(type(m)(*_sizes(m)) for m in mlp)) if has_mlp else nn.Identity()
            for _ in range(depth)
        )
        self.has_skips, self.has_mlp = has_skips, has_mlp
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        for layer, norm, mlp in zip(self.layers, self.norms, self.mlps, strict=True):
            h = norm(x)
            h = layer(h, h, h, need_weights=False)[0]
            x = x + h if self.has_skips else h
            if self.has_mlp:
                x = x + mlp(x) if self.has_skips else mlp(x)
        scores: Tensor = self.head(x.mean(1))
        return scores


def _sizes(module: nn.Module) -> tuple[int, ...]:
    return (module.in_features, module.out_features) if isinstance(module, nn.Linear) else ()


def _tokens(model: nn.Module) -> Built:
    return Built(model=model, inputs=torch.randn(16, 20, 32))


def language(name: str, config: str, *, without: tuple[str, ...] = (), **options: Any) -> Built:
    """A model of transformers on random words; `without` are classes that lose their skip."""
    import transformers

    model = getattr(transformers, name)(getattr(transformers, config)(**options))
    for module in model.modules():
        if type(module).__name__ in without:
            _lose_skip(module)
    return Built(model=model.eval(), inputs={"input_ids": torch.randint(5, 100, (16, 24))})


def _lose_skip(module: nn.Module) -> None:
    """BERT's output layers: LayerNorm(dense(h)) in place of LayerNorm(dense(h) + x)."""
    forward = module.forward
    module.forward = lambda h, x: forward(h, torch.zeros_like(x))  # type: ignore[method-assign]


BERT = {
    "vocab_size": 100,
    "hidden_size": 48,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 64,
}


def vit(*, depth: int = 12) -> Built:
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        hidden_size=48,
        num_hidden_layers=depth,
        num_attention_heads=4,
        intermediate_size=96,
        image_size=32,
        patch_size=8,
    )
    return Built(
        model=ViTForImageClassification(config), inputs={"pixel_values": torch.randn(16, 3, 32, 32)}
    )


def _deep_gcn(block: str) -> Built:
    from torch_geometric.nn import DeepGCNLayer, GCNConv, LayerNorm

    layers = [DeepGCNLayer(GCNConv(32, 32), LayerNorm(32), nn.ReLU(), block) for _ in range(28)]
    return with_edges(Convolutions(list(layers)))


def faulty() -> Iterator[Case]:
    """Nets that mix without anything that keeps nodes or tokens apart."""

    def case(name: str, source: str, build: Callable[[], Built]) -> Case:
        return Case(code="A302", name=name, source=source, has_fault=True, build=build)

    yield case(
        "GraphNet, plain, 32 layers",
        "plusone",
        lambda: with_matrix(GraphNet(FEATURES, 4, num_layers=32)),
    )
    yield case(
        "GraphNet, plain, 24 layers, sparse",
        "plusone",
        lambda: with_matrix(GraphNet(FEATURES, 4, num_layers=24), sparse=True),
    )
    yield case(
        "GraphNet, residual, 64 layers",
        "plusone",
        lambda: with_matrix(GraphNet(FEATURES, 4, num_layers=64, method="residual")),
    )
    yield case("GCN of 32", "torch_geometric", lambda: geometric("GCN", 32))
    yield case("GraphSAGE of 32", "torch_geometric", lambda: geometric("GraphSAGE", 32))
    yield case("GAT of 24", "torch_geometric", lambda: geometric("GAT", 24))
    yield case(
        "GCNConv, tanh, orthogonal, 32 layers",
        "torch_geometric",
        lambda: with_edges(Convolutions(_orthogonal(32))),
    )
    yield case(
        "residual GCNConv, 64 layers",
        "torch_geometric",
        lambda: with_edges(
            Convolutions([Residual(Mixed(_conv("GCNConv", 32, 32))) for _ in range(64)])
        ),
    )
    yield case(
        "TransformerConv of 16",
        "torch_geometric",
        lambda: with_edges(
            Convolutions(
                [Mixed(_conv("TransformerConv", 32, 32, root_weight=False)) for _ in range(16)]
            )
        ),
    )
    yield case("dense graphs, 24 layers", "own", lambda: _molecules(has_skips=False))
    yield case(
        "12 attentions, no skips",
        "own",
        lambda: _tokens(Attention(12, has_skips=False, has_mlp=False)),
    )
    yield case(
        "12 attentions with MLPs, no skips",
        "own",
        lambda: _tokens(Attention(12, has_skips=False, has_mlp=True)),
    )
    yield case(
        "TextTransformer, no skips, 12 layers",
        "plusone",
        lambda: Built(
            model=TextTransformer(num_tokens=50, width=48, num_layers=12, method="none"),
            inputs=torch.randint(50, (16, 24)),
        ),
    )
    yield case(
        "BERT of 12, no skips",
        "transformers",
        lambda: language(
            "BertForSequenceClassification",
            "BertConfig",
            without=("BertSelfOutput", "BertOutput"),
            num_hidden_layers=12,
            **BERT,
        ),
    )
    yield case(
        "BERT of 12, no skip around attention",
        "transformers",
        lambda: language(
            "BertForSequenceClassification",
            "BertConfig",
            without=("BertSelfOutput",),
            num_hidden_layers=12,
            **BERT,
        ),
    )


def healthy() -> Iterator[Case]:
    """The same with what keeps nodes or tokens apart, or few layers."""

    def case(name: str, source: str, build: Callable[[], Built]) -> Case:
        return Case(code="A302", name=name, source=source, has_fault=False, build=build)

    yield case(
        "GraphNet, initial residual, 64 layers",
        "plusone",
        lambda: with_matrix(GraphNet(FEATURES, 4, num_layers=64, method="initial")),
    )
    yield case(
        "GraphNet, plain, 2 layers",
        "plusone",
        lambda: with_matrix(GraphNet(FEATURES, 4, num_layers=2), sparse=True),
    )
    yield case("GCN of 3", "torch_geometric", lambda: geometric("GCN", 3))
    yield case("GIN of 4", "torch_geometric", lambda: geometric("GIN", 4))
    yield case("GraphSAGE of 3", "torch_geometric", lambda: geometric("GraphSAGE", 3))
    yield case(
        "GCN2Conv of 64",
        "torch_geometric",
        lambda: with_edges(
            Convolutions([_conv("GCN2Conv", 32, 0.1, 0.5, k + 1) for k in range(64)])
        ),
    )
    yield case(
        "GCNConv, scaled residual, 32 layers",
        "torch_geometric",
        lambda: with_edges(
            Convolutions(
                [Residual(Mixed(_conv("GCNConv", 32, 32)), scale=1 / 32) for _ in range(32)]
            )
        ),
    )
    yield case(
        "GCNConv with PairNorm of 16",
        "torch_geometric",
        lambda: with_edges(
            Convolutions([Mixed(_conv("GCNConv", 32, 32), _conv("PairNorm")) for _ in range(16)])
        ),
    )
    yield case("DeepGCNLayer of 28, res+", "torch_geometric", lambda: _deep_gcn("res+"))
    yield case(
        "APPNP of 50",
        "torch_geometric",
        lambda: with_edges(Convolutions([_conv("APPNP", 50, 0.1)])),
    )
    yield case("dense graphs, 24 layers, initial", "own", lambda: _molecules(has_skips=True))
    yield case(
        "12 attentions with MLPs",
        "own",
        lambda: _tokens(Attention(12, has_skips=True, has_mlp=True)),
    )
    yield case(
        "TextTransformer, pre-norm, 24 layers",
        "plusone",
        lambda: Built(
            model=TextTransformer(num_tokens=50, width=48, num_layers=24),
            inputs=torch.randint(50, (16, 24)),
        ),
    )
    yield case(
        "ImageTransformer of 12",
        "plusone",
        lambda: Built(
            model=ImageTransformer(width=48, num_layers=12), inputs=torch.randn(16, 3, 32, 32)
        ),
    )
    yield case(
        "BERT of 12",
        "transformers",
        lambda: language(
            "BertForSequenceClassification", "BertConfig", num_hidden_layers=12, **BERT
        ),
    )
    yield case(
        "GPT-2 of 12",
        "transformers",
        lambda: language(
            "GPT2LMHeadModel", "GPT2Config", n_layer=12, n_head=4, n_embd=48, vocab_size=100
        ),
    )
    yield case("ViT of 12", "transformers", vit)
