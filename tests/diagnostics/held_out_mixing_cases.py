"""Nets that mix, and critics, that nothing was settled on: run once when the rules stood."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from diagnostics import critic_cases as critics
from diagnostics import smoothing_cases as smoothing
from diagnostics.case import Built, Case
from faults import graphs


def _batch_of_graphs(model: nn.Module) -> Built:
    """Twenty graphs of 30 nodes as one, as torch_geometric batches them."""
    parts = [graphs.graph(30, 4, seed=k) for k in range(20)]
    x = torch.cat([p[0] for p in parts])
    edges = torch.cat([p[1] + 30 * k for k, p in enumerate(parts)], 1)
    return Built(model=model, inputs=(x, edges))


def _ring(model: nn.Module) -> Built:
    """A ring of 300 nodes, on which mixing takes long."""
    ring = torch.arange(300)
    edges = torch.stack((torch.cat((ring, ring.roll(1))), torch.cat((ring.roll(1), ring))))
    return Built(model=model, inputs=(torch.randn(300, smoothing.FEATURES), edges))


def _vit_without_skips() -> Built:
    built = smoothing.vit()
    for layer in built.model.modules():
        if type(layer).__name__ == "ViTLayer":
            layer.forward = _branches(layer)  # type: ignore[method-assign]
    return Built(model=built.model.eval(), inputs=built.inputs)


def _branches(layer: nn.Module) -> Callable[..., Tensor]:
    """ViT's layer with its two branches one after another."""

    def forward(h: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        found = layer.attention(layer.layernorm_before(h))  # type: ignore[operator]
        h = found[0] if isinstance(found, tuple) else found
        h = layer.layernorm_after(h)  # type: ignore[operator]
        for name, part in layer.named_children():
            if name in ("intermediate", "mlp"):
                h = part(h)
            elif name == "output":
                h = part(h, torch.zeros(()))
        return h

    return forward


def _pool_mixers(*, has_skips: bool) -> Built:
    """PoolFormer's mixing: each token becomes the mean of its neighbours, 24 times."""

    class Mixer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(32, 32) for _ in range(24))

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                mixed = torch.nn.functional.avg_pool1d(
                    layer(x).transpose(1, 2), 9, 1, 4, count_include_pad=False
                ).transpose(1, 2)
                x = x + mixed - layer(x) if has_skips else torch.tanh(2 * mixed)
            return x

    return Built(model=Mixer(), inputs=torch.randn(16, 20, 32))


def faulty() -> Iterator[Case]:
    """Faults of both kinds."""

    def smooth(name: str, source: str, build: Callable[[], Built]) -> Case:
        return Case(code="A302", name=name, source=source, has_fault=True, build=build)

    def critic(name: str, source: str, build: Callable[[], Built]) -> Case:
        return Case(code="G201", name=name, source=source, has_fault=True, build=build)

    yield smooth("GATv2 of 24", "torch_geometric", lambda: smoothing.geometric("GAT", 24, v2=True))
    yield smooth(
        "GCN of 32 on twenty graphs",
        "torch_geometric",
        lambda: _batch_of_graphs(_geometric("GCN", 32)),
    )
    yield smooth(
        "ClusterGCNConv of 24, tanh",
        "torch_geometric",
        lambda: smoothing.with_edges(
            smoothing.Convolutions(
                [
                    smoothing.Mixed(smoothing._conv("ClusterGCNConv", 32, 32), act=torch.tanh)
                    for _ in range(24)
                ]
            )
        ),
    )
    yield smooth("ViT of 12, no skips", "transformers", _vit_without_skips)
    yield smooth("24 poolings of tokens", "own", lambda: _pool_mixers(has_skips=False))
    yield smooth(
        "16 attentions with MLPs, no skips",
        "own",
        lambda: smoothing._tokens(smoothing.Attention(16, has_skips=False, has_mlp=True)),
    )
    yield critic("24 layers, GELU", "own", lambda: critics.vectors(critics.dense(24, nn.GELU)))
    yield critic(
        "12 convolutions, N(0, 0.02)",
        "own",
        lambda: critics.pictures(critics.convolutions(8, std=0.02)),
    )
    yield critic(
        "14 layers, sigmoid", "own", lambda: critics.vectors(critics.dense(14, nn.Sigmoid))
    )
    yield critic(
        "Critic of 14, no residual units, no norm",
        "monai",
        lambda: critics._monai_critic(
            num_res_units=0, norm=None, channels=(8,) * 14, strides=(2, 2, 2) + (1,) * 11
        ),
    )
    yield critic("GCN of 32 as critic", "torch_geometric", lambda: critics._graph(32))


def _geometric(name: str, depth: int, **options: Any) -> nn.Module:
    model = smoothing.geometric(name, depth, **options).model
    assert isinstance(model, nn.Module)
    return model


def healthy() -> Iterator[Case]:
    """Healthy nets of both kinds."""

    def smooth(name: str, source: str, build: Callable[[], Built]) -> Case:
        return Case(code="A302", name=name, source=source, has_fault=False, build=build)

    def critic(name: str, source: str, build: Callable[[], Built]) -> Case:
        return Case(code="G201", name=name, source=source, has_fault=False, build=build)

    yield smooth("GATv2 of 3", "torch_geometric", lambda: smoothing.geometric("GAT", 3, v2=True))
    yield Case(
        code="A302",
        name="EdgeCNN of 3",
        source="torch_geometric",
        has_fault=False,
        build=lambda: smoothing.geometric("EdgeCNN", 3),
        miss="PyTorch's start of its two linear layers a block lets the biases, which all nodes "
        "share, outgrow the features; it learns all the same",
    )
    yield smooth(
        "GIN of 3 on twenty graphs",
        "torch_geometric",
        lambda: _batch_of_graphs(_geometric("GIN", 3)),
    )
    yield smooth("GCN of 3 on a ring", "torch_geometric", lambda: _ring(_geometric("GCN", 3)))
    yield smooth(
        "GCN2Conv of 32 on twenty graphs",
        "torch_geometric",
        lambda: _batch_of_graphs(
            smoothing.Convolutions(
                [smoothing._conv("GCN2Conv", 32, 0.1, 0.5, k + 1) for k in range(32)]
            )
        ),
    )
    yield smooth("DeepGCNLayer of 28, res", "torch_geometric", lambda: smoothing._deep_gcn("res"))
    yield smooth("24 poolings of tokens, skips", "own", lambda: _pool_mixers(has_skips=True))
    yield smooth(
        "DistilBERT",
        "transformers",
        lambda: smoothing.language(
            "DistilBertForSequenceClassification",
            "DistilBertConfig",
            vocab_size=100,
            dim=48,
            n_heads=4,
            hidden_dim=96,
            n_layers=12,
        ),
    )
    yield smooth("ViT of 24", "transformers", lambda: smoothing.vit(depth=24))
    yield critic(
        "8 layers, GELU, He",
        "own",
        lambda: critics.vectors(
            critics._started(critics.dense(7, nn.GELU), nn.init.kaiming_normal_)  # type: ignore[arg-type]
        ),
    )
    yield critic(
        "PatchDiscriminator of 5",
        "monai",
        lambda: critics._monai(
            "PatchDiscriminator", spatial_dims=2, channels=8, in_channels=3, num_layers_d=5
        ),
    )
    yield critic(
        "DenseNet-121 as critic", "torchvision", lambda: critics._torchvision("densenet121")
    )
    yield critic(
        "MobileNetV3 as critic", "torchvision", lambda: critics._torchvision("mobilenet_v3_small")
    )
    yield critic(
        "4 convolutions, batch norm",
        "own",
        lambda: critics.pictures(critics.convolutions(0, has_norm=True)),
    )
