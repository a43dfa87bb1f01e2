"""Skips are found, and told apart, by what a net computes and not by how it is written."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from graph.written import LAYERS, WIDTH, WRITTEN, Layers, Written, each
from plusone.capture.eager import record
from plusone.graph.skipgraph import SkipGraph, find_skips


def graph_of(net: nn.Module, *inputs: torch.Tensor) -> SkipGraph:
    """The skip graph of one forward."""
    return find_skips(record(net, inputs, {}).trace)


@pytest.mark.parametrize("case", WRITTEN, ids=lambda case: case.name)
def test_a_formula_has_the_skips_that_it_says(case: Written) -> None:
    graph = graph_of(*case.build())
    assert tuple(skip.kind for skip in graph.skips) == case.kinds
    if case.blocks is not None:
        assert len(graph.blocks) == case.blocks


@pytest.mark.parametrize("case", WRITTEN, ids=lambda case: case.name)
def test_skips_do_not_depend_on_the_dtype(case: Written) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        graph = graph_of(*case.build())
    finally:
        torch.set_default_dtype(torch.float32)
    assert tuple(skip.kind for skip in graph.skips) == case.kinds


def test_a_skip_names_where_it_leaves_and_returns_and_how_far_it_goes() -> None:
    net, x = next(case for case in WRITTEN if case.name == "pre-norm").build()
    skips = graph_of(net, x).skips
    assert [skip.span for skip in skips] == [2] * LAYERS
    assert skips[0].source == "input"
    assert [skip.source for skip in skips[1:]] == [skip.join for skip in skips[:-1]]


def test_a_long_skip_around_blocks_is_one_level_above_theirs() -> None:
    def long(net: Layers, x: torch.Tensor) -> torch.Tensor:
        y = each(lambda n, i, v: torch.relu(v + n.f[i](v)))(net, x)
        return y + x

    skips = graph_of(Layers(long), torch.randn(4, WIDTH)).skips
    assert [skip.level for skip in skips] == [1] * LAYERS + [0]
    assert (skips[-1].first_block, skips[-1].last_block) == (0, LAYERS)


def test_blocks_beside_a_skip_are_not_inside_it() -> None:
    model = nn.Transformer(WIDTH, 2, 1, 1, 32, batch_first=True)
    graph = graph_of(model, torch.randn(2, 4, WIDTH), torch.randn(2, 3, WIDTH))
    assert [skip.kind for skip in graph.skips] == ["identity"] * 5
    assert {skip.level for skip in graph.skips} == {0}


class _Shortcut(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.conv1, self.conv2 = nn.Conv2d(4, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1)
        self.norm1, self.norm2 = nn.BatchNorm2d(4), nn.BatchNorm2d(8)
        self.short = nn.Conv2d(4, 8, 1, 2)
        self.deep = nn.Conv2d(4, 4, 3, 2, 1, groups=4)
        self.wide = nn.Conv2d(4, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm1(x).relu() if self.kind == "before each" else x
        branch = self.conv2(F.relu(self.norm2(self.conv1(y))))
        match self.kind:
            case "zero padding":
                short = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
            case "pooling":
                short = self.wide(F.avg_pool2d(x, 2))
            case "largest":
                short = self.wide(F.max_pool2d(x, 2))
            case "separable":
                short = self.wide(self.deep(x))
            case "before each":
                short = self.short(self.norm1(x).relu())
            case _:
                short = self.short(x)
        return branch + short


@pytest.mark.parametrize(
    "kind", ["convolution", "zero padding", "pooling", "largest", "separable", "before each"]
)
def test_a_shortcut_that_changes_the_shape_is_a_projection(kind: str) -> None:
    graph = graph_of(_Shortcut(kind), torch.randn(2, 4, 8, 8))
    assert [skip.kind for skip in graph.skips] == ["projection"]
    assert len(graph.blocks) == 1
