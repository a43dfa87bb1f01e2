"""Models chosen after the other held-out ones had been run and A302 had been mended: run once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from diagnostics import smoothing_cases as smoothing
from diagnostics.case import Built, Case
from diagnostics.detail_cases import picture


def _stack(layers: list[nn.Module]) -> Built:
    return smoothing.with_edges(smoothing.Convolutions(layers))


def _mixed(name: str, depth: int, **options: Any) -> Built:
    """Layers of one convolution, each behind tanh."""
    convs = [smoothing._conv(name, 32, 32, **options) for _ in range(depth)]
    return _stack([smoothing.Mixed(conv, act=torch.tanh) for conv in convs])


def _monai(name: str, *args: Any, shape: tuple[int, ...], **options: Any) -> Built:
    import monai.networks.nets as nets

    return Built(model=getattr(nets, name)(*args, **options), inputs=torch.randn(shape))


def _dpt() -> Built:
    """Depth from a ViT; a token has as many numbers as its patch, as in the published model."""
    from transformers import DPTConfig, DPTForDepthEstimation

    config = DPTConfig(
        hidden_size=768,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=768,
        image_size=64,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[16, 24, 32, 32],
        fusion_hidden_size=16,
    )
    return Built(model=DPTForDepthEstimation(config), inputs={"pixel_values": picture()})


def _vit_matte() -> Built:
    """Mattes from a ViT beside convolutions on the picture and its trimap."""
    from transformers import VitDetConfig, VitMatteConfig, VitMatteForImageMatting

    backbone = VitDetConfig(
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=64,
        patch_size=16,
        num_channels=4,
        out_features=["stage2"],
    )
    config = VitMatteConfig(
        backbone_config=backbone,
        hidden_size=48,
        convstream_hidden_sizes=[8, 16, 24],
        fusion_hidden_sizes=[32, 24, 16, 8],
    )
    return Built(model=VitMatteForImageMatting(config), inputs={"pixel_values": picture(64, 4)})


_MISSES = {
    "SGConv of 8 hops, 8 layers": "its nodes still differ by their degree beside the biases, by "
    "2e-3 from the first layer on; nothing else is left, and it does not learn",
    "ResGatedGraphConv of 24, no root": "its nodes still differ by 2e-3 from the sixth layer "
    "on; it does not learn, but perhaps for another reason",
}


def _cases(code: str, source: str, fault: bool, made: dict[str, Callable[[], Built]]) -> list[Case]:
    return [
        Case(
            code=code,
            name=name,
            source=source,
            has_fault=fault,
            build=build,
            miss=_MISSES.get(name, ""),
        )
        for name, build in made.items()
    ]


def faulty() -> Iterator[Case]:
    """Layers that mix and have nothing that keeps nodes apart."""
    yield from _cases(
        "A302",
        "torch_geometric",
        True,
        {
            "SGConv of 8 hops, 8 layers": lambda: _mixed("SGConv", 8, K=8),
            "ResGatedGraphConv of 24, no root": lambda: _mixed(
                "ResGatedGraphConv", 24, root_weight=False
            ),
            "FeaStConv of 24": lambda: _mixed("FeaStConv", 24, heads=2),
        },
    )


def healthy() -> Iterator[Case]:
    """The same with few layers or gates, and models of pictures."""
    yield from _cases(
        "A302",
        "torch_geometric",
        False,
        {
            "ResGatedGraphConv of 3": lambda: _mixed("ResGatedGraphConv", 3),
            "TAGConv of 3": lambda: _mixed("TAGConv", 3),
            "GatedGraphConv of 8 steps": lambda: _stack([smoothing._conv("GatedGraphConv", 32, 8)]),
        },
    )
    yield from _cases(
        "S105",
        "monai",
        False,
        {
            "VNet": lambda: _monai("VNet", 2, 1, 2, shape=(2, 1, 64, 64)),
            "UNETR": lambda: _monai(
                "UNETR",
                1,
                2,
                (64, 64),
                feature_size=8,
                hidden_size=48,
                mlp_dim=96,
                num_heads=4,
                spatial_dims=2,
                shape=(2, 1, 64, 64),
            ),
        },
    )
    yield from _cases("S105", "transformers", False, {"DPT, depth": _dpt, "VitMatte": _vit_matte})
