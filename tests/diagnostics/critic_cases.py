"""Critics of GANs (G201): those whose gradient does not arrive at the generator's pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from diagnostics.case import Built, Case
from faults import graphs
from plusone.labs.gan.nets import critic
from plusone.nn import Residual


def vectors(model: nn.Module) -> Built:
    return Built(model=model, inputs=torch.rand(16, 64) * 2 - 1)


def pictures(model: nn.Module, size: int = 32, channels: int = 3) -> Built:
    return Built(model=model, inputs=torch.rand(16, channels, size, size) * 2 - 1)


def dense(depth: int, act: type[nn.Module] = nn.LeakyReLU) -> nn.Sequential:
    """A plain critic as a list of layers, with PyTorch's weights."""
    layers: list[nn.Module] = [nn.Linear(64, 64), act()]
    for _ in range(depth):
        layers += [nn.Linear(64, 64), act()]
    return nn.Sequential(*layers, nn.Linear(64, 1))


def convolutions(
    depth: int,
    *,
    std: float | None = None,
    has_norm: bool = False,
    has_skips: bool = False,
    spectral: bool = False,
) -> nn.Sequential:
    """Four strided convolutions with `depth` others between them, as in DCGAN and SNGAN."""
    layers: list[nn.Module] = []
    channels = 3
    for k in range(4):
        layers += [nn.Conv2d(channels, 32, 4, 2, 1)]
        layers += [nn.BatchNorm2d(32)] if has_norm and k else []
        layers += [nn.LeakyReLU(0.2)]
        for _ in range(depth // 4):
            same = nn.Sequential(nn.LeakyReLU(0.2), nn.Conv2d(32, 32, 3, 1, 1))
            layers.append(Residual(same) if has_skips else same)
        channels = 32
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(128, 1))
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if std is not None:
                nn.init.normal_(layer.weight, std=std)
            if spectral:
                parametrizations.spectral_norm(layer)
    return net


def _started(net: nn.Module, start: Callable[[Tensor], object]) -> nn.Module:
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            start(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def _clipped(weight: Tensor) -> None:
    """As after WGAN's first step: every weight within 0.01."""
    nn.init.uniform_(weight, -0.01, 0.01)


class Projection(nn.Module):
    """A score that a class takes part in: w h(x) + <e(y), h(x)> (Miyato and Koyama 2018)."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body, self.score, self.classes = body, nn.Linear(64, 1), nn.Embedding(10, 64)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = self.body(x)
        score: Tensor = self.score(h)[:, 0] + (self.classes(y) * h).sum(1)
        return score


def _projection(*, skips: bool) -> Built:
    blocks = [nn.Sequential(nn.ReLU(), nn.Linear(64, 64)) for _ in range(20)]
    body = nn.Sequential(nn.Linear(64, 64), *(Residual(b) if skips else b for b in blocks))
    x = torch.rand(16, 64) * 2 - 1
    return Built(model=Projection(body), inputs=(x, torch.randint(10, (16,))))


class GraphCritic(nn.Module):
    """One score for a graph, from the mean of its nodes."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        from torch_geometric.nn import GCN

        self.body, self.score = GCN(12, 32, depth), nn.Linear(32, 1)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        score: Tensor = self.score(self.body(x, edges).mean(0))
        return score


def _graph(depth: int) -> Built:
    return Built(model=GraphCritic(depth), inputs=graphs.graph(60, 6))


def _monai(name: str, **options: Any) -> Built:
    import monai.networks.nets as nets

    size = 32 if name == "Discriminator" else 128
    return pictures(getattr(nets, name)(**options), size)


def _monai_critic(**options: Any) -> Built:
    shape = {"in_shape": (3, 32, 32), "channels": (8,) * 12, "strides": (2, 2, 2) + (1,) * 9}
    return _monai("Discriminator", **{**shape, **options})


def _torchvision(name: str) -> Built:
    import torchvision.models as models

    return pictures(getattr(models, name)(num_classes=1))


def _vit() -> Built:
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        hidden_size=48,
        num_hidden_layers=8,
        num_attention_heads=4,
        intermediate_size=96,
        image_size=32,
        patch_size=8,
        num_labels=1,
    )
    return Built(
        model=ViTForImageClassification(config), inputs={"pixel_values": torch.rand(16, 3, 32, 32)}
    )


def faulty() -> Iterator[Case]:
    """Deep critics without skips, and one whose weights were clipped."""

    def case(name: str, source: str, build: Callable[[], Built]) -> Case:
        return Case(code="G201", name=name, source=source, has_fault=True, build=build)

    yield case("critic of 12 plain blocks", "plusone", lambda: vectors(critic(64, 12, skips=False)))
    yield case(
        "critic of 12 plain blocks, spectral norm",
        "plusone",
        lambda: vectors(critic(64, 12, skips=False, has_spectral_norm=True)),
    )
    yield case("16 layers, leaky ReLU", "own", lambda: vectors(dense(16)))
    yield case("10 layers, sigmoid", "own", lambda: vectors(dense(10, nn.Sigmoid)))
    yield case(
        "6 layers, weights clipped to 0.01", "own", lambda: vectors(_started(dense(5), _clipped))
    )
    yield case("20 convolutions, PyTorch's weights", "own", lambda: pictures(convolutions(16)))
    yield case("8 convolutions, N(0, 0.02)", "own", lambda: pictures(convolutions(4, std=0.02)))
    yield case(
        "20 convolutions, spectral norm", "own", lambda: pictures(convolutions(16, spectral=True))
    )
    yield case("projection critic of 20 layers", "own", lambda: _projection(skips=False))
    yield case(
        "Discriminator of 12, no residual units, no norm",
        "monai",
        lambda: _monai_critic(num_res_units=0, norm=None),
    )
    yield case("GCN of 24 as critic", "torch_geometric", lambda: _graph(24))


def healthy() -> Iterator[Case]:
    """Shallow critics, normed ones, those with skips, and those of a start that fits."""

    def case(name: str, source: str, build: Callable[[], Built]) -> Case:
        return Case(code="G201", name=name, source=source, has_fault=False, build=build)

    yield case(
        "critic of 12 residual blocks", "plusone", lambda: vectors(critic(64, 12, skips=True))
    )
    yield case(
        "critic of 12 residual blocks, spectral norm",
        "plusone",
        lambda: vectors(critic(64, 12, skips=True, has_spectral_norm=True)),
    )
    yield case(
        "critic of 12 plain blocks, He",
        "plusone",
        lambda: vectors(critic(64, 12, skips=False, start="he")),
    )
    yield case("critic of 2 plain blocks", "plusone", lambda: vectors(critic(64, 2, skips=False)))
    yield case(
        "16 layers, tanh, orthogonal",
        "own",
        lambda: vectors(_started(dense(16, nn.Tanh), nn.init.orthogonal_)),
    )
    yield case("DCGAN's critic", "own", lambda: pictures(convolutions(0, std=0.02, has_norm=True)))
    yield case(
        "20 convolutions, skips, spectral norm",
        "own",
        lambda: pictures(convolutions(16, has_skips=True, spectral=True)),
    )
    yield case("projection critic of 20 blocks", "own", lambda: _projection(skips=True))
    yield case("Discriminator of 12", "monai", _monai_critic)
    yield case(
        "PatchDiscriminator",
        "monai",
        lambda: _monai("PatchDiscriminator", spatial_dims=2, channels=16, in_channels=3),
    )
    yield case(
        "MultiScalePatchDiscriminator",
        "monai",
        lambda: _monai(
            "MultiScalePatchDiscriminator",
            num_d=2,
            num_layers_d=3,
            spatial_dims=2,
            channels=16,
            in_channels=3,
        ),
    )
    yield case("ResNet-18 as critic", "torchvision", lambda: _torchvision("resnet18"))
    yield case("ViT as critic", "transformers", _vit)
    yield case("GCN of 2 as critic", "torch_geometric", lambda: _graph(2))
