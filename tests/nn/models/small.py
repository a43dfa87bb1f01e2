"""A small instance of each reference model with inputs, for what all of them have to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import torch
from torch import Tensor, nn

from plusone.nn.models import (
    MLP,
    DenseNet,
    GraphNet,
    ImageTransformer,
    PreActResNet,
    ResNet,
    Seq2Seq,
    TextTransformer,
    UNet,
    normalized_adjacency,
)
from plusone.nn.models.residual_methods import Method

Inputs = tuple[Tensor, ...]
METHODS = get_args(Method)
NUM_NODES, NUM_TOKENS = 20, 11


def vectors() -> Inputs:
    return (torch.randn(6, 5),)


def images() -> Inputs:
    return (torch.randn(6, 3, 8, 8),)


def maps() -> Inputs:
    return (torch.randn(4, 1, 16, 16),)


def nodes() -> Inputs:
    edges = torch.randint(NUM_NODES, (2, 40))
    return torch.randn(NUM_NODES, 5), normalized_adjacency(edges, NUM_NODES)


def text() -> Inputs:
    return (torch.randint(NUM_TOKENS, (4, 7)),)


def pairs() -> Inputs:
    return torch.randint(NUM_TOKENS, (4, 7)), torch.randint(NUM_TOKENS, (4, 5))


# Name: the model, its inputs, the output's shape.
SMALL: dict[str, tuple[Callable[[], nn.Module], Callable[[], Inputs], tuple[int, ...]]] = {
    "mlp": (lambda: MLP(5, 3, width=8, num_blocks=3), vectors, (6, 3)),
    "mlp with norm and scale": (
        lambda: MLP(5, 3, width=8, num_blocks=3, norm="layer", scale=0.5),
        vectors,
        (6, 3),
    ),
    "resnet": (lambda: ResNet(3, num_blocks=1, widths=(4, 8)), images, (6, 3)),
    "resnet with projections": (
        lambda: ResNet(3, num_blocks=1, widths=(4, 8), shortcut="projection"),
        images,
        (6, 3),
    ),
    "preactivation": (lambda: PreActResNet(3, num_blocks=1, widths=(4, 8)), images, (6, 3)),
    "preactivation with bottlenecks": (
        lambda: PreActResNet(3, num_blocks=1, widths=(4, 8), bottleneck=True),
        images,
        (6, 3),
    ),
    "densenet": (lambda: DenseNet(3, depth=10, growth=4), images, (6, 3)),
    "densenet without bottlenecks": (
        lambda: DenseNet(3, depth=7, growth=4, bottleneck_compression=False),
        images,
        (6, 3),
    ),
    **{
        f"unet, skips {skips}": (
            lambda skips=skips: UNet(2, width=4, num_levels=2, skips=skips),
            maps,
            (4, 2, 16, 16),
        )
        for skips in ("concat", "add", "none")
    },
    **{
        f"text transformer, {method}": (
            lambda method=method: TextTransformer(
                NUM_TOKENS, width=8, num_layers=2, num_heads=2, method=method
            ),
            text,
            (4, 7, NUM_TOKENS),
        )
        for method in METHODS
    },
    "image transformer": (
        lambda: ImageTransformer(3, image_size=8, patch_size=4, width=8, num_layers=2),
        images,
        (6, 3),
    ),
    **{
        f"graph net, {method}": (
            lambda method=method: GraphNet(5, 3, width=8, num_layers=4, method=method),
            nodes,
            (NUM_NODES, 3),
        )
        for method in ("plain", "residual", "initial")
    },
    **{
        f"seq2seq, {cell}, {attention}": (
            lambda cell=cell, attention=attention: Seq2Seq(
                NUM_TOKENS, NUM_TOKENS, width=8, cell=cell, attention=attention
            ),
            pairs,
            (4, 5, NUM_TOKENS),
        )
        for cell in ("lstm", "gru")
        for attention in ("additive", "general", None)
    },
}
