"""Where blocks begin and end, what they are called, and that naming a net otherwise moves none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.capture.eager import record
from plusone.graph.skipgraph import SkipGraph, find_skips
from plusone.graph.structure import fold, paths_of

WIDTH, DEPTH = 16, 5


def graph_of(net: nn.Module, *inputs: Tensor) -> SkipGraph:
    """The skip graph of one forward."""
    return find_skips(record(net, inputs or (torch.randn(6, WIDTH),), {}).trace)


def names(graph: SkipGraph) -> list[str]:
    return [block.name for block in graph.blocks]


def lengths(graph: SkipGraph) -> tuple[int, int]:
    law = paths_of(graph)
    return law.min_length, law.max_length


class Residual(nn.Module):
    def __init__(self, *, has_skip: bool = True) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.a, self.b = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.has_skip = has_skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.b(F.gelu(self.a(self.norm(x))))
        return x + y if self.has_skip else y


class Bare(nn.Module):
    """The same without a skip, as a class of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(F.gelu(self.a(x)))


def named(*, stem: nn.Module, blocks: list[nn.Module], head: nn.Module) -> nn.Module:
    return nn.Sequential(OrderedDict(stem=stem, blocks=nn.Sequential(*blocks), head=head))


def numbered(*, stem: nn.Module, blocks: list[nn.Module], head: nn.Module) -> nn.Module:
    return nn.Sequential(stem, *blocks, head)


WRITINGS = pytest.mark.parametrize("write", [named, numbered], ids=lambda w: w.__name__)


@WRITINGS
def test_stem_and_head_are_no_blocks_whatever_they_are_called(
    write: Callable[..., nn.Module],
) -> None:
    blocks = [Residual() for _ in range(DEPTH)]
    net = write(stem=nn.Linear(WIDTH, WIDTH), blocks=blocks, head=nn.Linear(WIDTH, 3))
    graph = graph_of(net)
    assert {block.kind for block in graph.blocks} == {"residual"}
    assert len(graph.blocks) == DEPTH
    assert lengths(graph) == (0, DEPTH)


@pytest.mark.parametrize(
    "write",
    [
        named,
        pytest.param(
            numbered,
            marks=pytest.mark.xfail(
                raises=AssertionError,
                reason="left out, a first layer of another width hides where a stack explodes",
            ),
        ),
    ],
)
def test_in_a_net_without_skips_too_what_stands_outside_the_repetition_is_no_block(
    write: Callable[..., nn.Module],
) -> None:
    blocks = [nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU()) for _ in range(DEPTH)]
    net = write(stem=nn.Linear(4, WIDTH), blocks=blocks, head=nn.Linear(WIDTH, 3))
    assert len(graph_of(net, torch.randn(6, 4)).blocks) == DEPTH


def test_many_layers_before_the_first_skip_are_no_stem() -> None:
    plain = [m for _ in range(8) for m in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
    graph = graph_of(nn.Sequential(*plain, Residual(), nn.Linear(WIDTH, 3)))
    assert [block.kind for block in graph.blocks] == ["plain"] * 8 + ["residual"]


@pytest.mark.parametrize("first", [Residual(has_skip=False), Bare()], ids=["class", "layers"])
@pytest.mark.parametrize("at", [0, DEPTH - 1])
def test_a_block_at_the_end_that_lacks_its_skip_is_no_stem(first: nn.Module, at: int) -> None:
    blocks = [Residual() for _ in range(DEPTH)]
    blocks[at] = first  # type: ignore[call-overload]
    graph = graph_of(named(stem=nn.Identity(), blocks=blocks, head=nn.Linear(WIDTH, 3)))
    assert [k for k, block in enumerate(graph.blocks) if block.kind == "plain"] == [at]
    assert names(graph)[at] == f"blocks.{at}"


class Nested(nn.Module):
    """x + w(r(x)), where r has a skip of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.r, self.w = Residual(), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.w(self.r(x))


class NestedInOneForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.r = nn.ModuleList(Residual() for _ in range(DEPTH))
        self.w = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH))

    def forward(self, x: Tensor) -> Tensor:
        for r, w in zip(self.r, self.w, strict=True):
            x = x + w(r(x))
        return x


def test_blocks_do_not_depend_on_whether_stages_are_modules() -> None:
    apart = graph_of(nn.Sequential(*(Nested() for _ in range(DEPTH)), nn.Linear(WIDTH, 3)))
    together = graph_of(nn.Sequential(NestedInOneForward(), nn.Linear(WIDTH, 3)))
    for graph in (apart, together):
        assert [b.kind for b in graph.blocks] == ["residual", "plain", "residual"] * DEPTH
        assert lengths(graph) == (0, 2 * DEPTH)
    assert paths_of(apart) == paths_of(together)
    assert names(together)[:4] == ["0.r.0", "0.w.0", "add after 0.w.0", "0.r.1"]


class Lists(nn.Module):
    """The layers of all branches in two lists, the sums in the model's own forward."""

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH))
        self.c2 = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH))

    def forward(self, x: Tensor) -> Tensor:
        for a, b in zip(self.c1, self.c2, strict=True):
            x = x + b(torch.relu(a(x)))
        return x


def test_a_block_of_layers_from_lists_has_the_name_of_its_first_layer() -> None:
    graph = graph_of(Lists())
    assert names(graph) == [f"c1.{k}" for k in range(DEPTH)]
    modules = dict(Lists().named_modules())
    assert all(name in modules for name in names(graph))


def test_layers_of_other_widths_do_not_repeat_one_another() -> None:
    sizes = [WIDTH] * 5 + [4, 4, 4, 4]
    layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    (first, second) = fold(graph_of(nn.Sequential(*layers)).blocks)
    assert (first.first, first.count) == (0, 4)
    assert (second.first, second.count) == (5, 3)


class Masked(nn.Module):
    """Attention of which integers say where it may look: fused, or written out."""

    def __init__(self, *, is_fused: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, WIDTH)
        self.qkv = nn.ModuleList(nn.Linear(WIDTH, 3 * WIDTH) for _ in range(DEPTH))
        self.is_fused = is_fused

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.embedding(tokens)
        scores = torch.where(mask[:, None] > 0, 0.0, -1e9)
        for qkv in self.qkv:
            q, k, v = qkv(x).chunk(3, -1)
            if self.is_fused:
                x = x + F.scaled_dot_product_attention(q, k, v, attn_mask=scores)
            else:
                x = x + (q @ k.transpose(1, 2) + scores).softmax(-1) @ v
        return x


@pytest.mark.parametrize("is_fused", [True, False])
def test_no_path_begins_at_a_mask(is_fused: bool) -> None:
    inputs = torch.randint(20, (2, 7)), torch.ones(2, 7, dtype=torch.long)
    law = paths_of(graph_of(Masked(is_fused=is_fused), *inputs))
    assert 10**law.log10_count == pytest.approx(2**DEPTH)
    assert law.mean_length == pytest.approx(DEPTH / 2)


class Added(Masked):
    """The mask is a floating-point input."""

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for qkv in self.qkv:
            q, k, v = qkv(x).chunk(3, -1)
            x = x + (q @ k.transpose(1, 2) + mask).softmax(-1) @ v
        return x


def test_no_path_begins_at_a_mask_of_floating_point_numbers() -> None:
    inputs = torch.randint(20, (2, 7)), torch.zeros(7, 7)
    law = paths_of(graph_of(Added(is_fused=False), *inputs))
    assert 10**law.log10_count == pytest.approx(2**DEPTH)


class Pixels(nn.Module):
    """Two pictures of integers, subtracted before the first layer reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(WIDTH, WIDTH), Residual(), Residual())

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.layers(a.float() / 255 - b.float() / 255)


def test_paths_begin_at_integers_that_a_layer_reads() -> None:
    inputs = torch.randint(255, (6, WIDTH)), torch.randint(255, (6, WIDTH))
    law = paths_of(graph_of(Pixels(), *inputs))
    assert 10**law.log10_count == pytest.approx(2 * 4)


class CrossAttention(nn.Module):
    def __init__(self, *, is_fused: bool) -> None:
        super().__init__()
        self.q, self.kv = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2 * WIDTH)
        self.is_fused = is_fused

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        q, (k, v) = self.q(x), self.kv(memory).chunk(2, -1)
        if self.is_fused:
            return x + F.scaled_dot_product_attention(q, k, v)
        return x + (q @ k.transpose(1, 2)).softmax(-1) @ v


def test_cross_attention_has_as_many_paths_written_out_as_fused() -> None:
    inputs = torch.randn(2, 7, WIDTH), torch.randn(2, 5, WIDTH)
    fused, written = (
        paths_of(graph_of(CrossAttention(is_fused=is_fused), *inputs)) for is_fused in (True, False)
    )
    assert fused == written
