"""Small nets on one stream and on several, with the same branches."""

from __future__ import annotations

import torch
from torch import nn

from plusone.nn.streams import (
    HyperConnection,
    ManifoldHyperConnection,
    expand_streams,
    reduce_streams,
)

CHANNELS = 8


def branches(depth, seed=0, *, has_norm=True, eps=0.0):
    """MLPs with a pre-norm without eps, so that scaled inputs give the same output."""
    torch.manual_seed(seed)
    return [
        nn.Sequential(
            *([nn.LayerNorm(CHANNELS, eps=eps)] if has_norm else []),
            nn.Linear(CHANNELS, 2 * CHANNELS),
            nn.Tanh(),
            nn.Linear(2 * CHANNELS, CHANNELS),
        )
        for _ in range(depth)
    ]


def residual_net(x, branches):
    for branch in branches:
        x = x + branch(x)
    return x


def hyper(branches, streams=4, **options):
    return nn.ModuleList(
        HyperConnection(b, CHANNELS, layer=i, streams=streams, **options)
        for i, b in enumerate(branches)
    )


def manifold(branches, streams=4, **options):
    return nn.ModuleList(
        ManifoldHyperConnection(b, CHANNELS, layer=i, streams=streams, **options)
        for i, b in enumerate(branches)
    )


def run(x, blocks):
    x = expand_streams(x, blocks[0].streams)
    for block in blocks:
        x = block(x)
    return reduce_streams(x)


def randomise(module, seed=0, std=0.5):
    """Random numbers in every parameter, so that nothing is symmetric, zero or one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(std * noise)
    return module


def data(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
