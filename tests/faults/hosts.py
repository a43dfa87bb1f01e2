"""Healthy nets in which a fault is planted, with the places of their blocks.

A host says how to build it at a depth and seed, where its blocks are, and which layers a block's
branch holds, so that one list of faults goes with every architecture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from faults import dense, graphs, pictures, sequences
from faults.case import Built


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """An architecture: `make(depth, seed)` gives the model and its inputs.

    `block` is the path of block number k with `{}` for k; `branch` the part of it that the
    skip goes around ("" for the whole block); `layers` the weighted layers of that branch, from
    first to last; `end` the norm behind them, if there is one; `flag` the attribute that turns
    the skip off; `is_relu` says that the branch ends in layer, ReLU, layer.
    """

    name: str
    make: Callable[[int, int], tuple[nn.Module, object]]
    depth: int
    block: str
    layers: tuple[str, ...]
    end: str = ""
    branch: str = ""
    flag: str = "has_skip"
    is_relu: bool = False
    is_normed: bool = False
    seed: int = 0
    dtype: torch.dtype = torch.float32
    has_loss: bool = False
    is_training: bool = True

    def built(self, plant: Callable[[nn.Module], object] | None = None, at: int = 0) -> Built:
        """The host with `plant` applied to block number `at`."""
        net, inputs = self.make(self.depth, self.seed)
        if plant is not None:
            plant(net.get_submodule(self.block.format(at)))
        net = net.to(self.dtype).train(self.is_training)
        if self.has_loss:
            return Built(model=net, inputs=self._typed(inputs), targets=0.0, loss_fn=squared_error)
        return Built(model=net, inputs=self._typed(inputs))

    def place(self, at: int) -> str:
        """Where the branch of block number `at` is."""
        return ".".join(p for p in (self.block.format(at), self.branch) if p)

    @property
    def last(self) -> str:
        """The module at the end of the branch."""
        return self.end or self.layers[-1]

    def weighted(self, block: nn.Module) -> list[nn.Module]:
        """The weighted layers of a block's branch."""
        return [block.get_submodule(path) for path in self.layers]

    def but(self, **changes: object) -> Host:
        """The host with some fields changed; its name tells the changes."""
        shown = [f"{k}={str(v).removeprefix('torch.')}" for k, v in changes.items()]
        return replace(self, name=f"{self.name} {' '.join(shown)}", **changes)  # type: ignore[arg-type]

    def _typed(self, inputs: object) -> object:
        if isinstance(inputs, tuple):
            return tuple(self._typed(x) for x in inputs)
        assert isinstance(inputs, Tensor)
        return inputs.to(self.dtype) if inputs.is_floating_point() else inputs


def squared_error(output: Tensor, target: float) -> Tensor:
    """The mean square of what the output is away from a number."""
    return (output - target).square().mean()


def _mlp(width: int, batch: int = 16, **options: object) -> Callable[[int, int], object]:
    return lambda depth, seed: (
        dense.residual(depth, width, seed=seed, **options),
        dense.rows(batch, seed=100 + seed),
    )


def _resnet(width: int, **options: object) -> Callable[[int, int], object]:
    def make(depth: int, seed: int) -> tuple[nn.Module, object]:
        net = pictures.resnet((depth,), seed=seed, width=width, **options)
        return net, pictures.images(seed=100 + seed)

    return make


def _gpt(width: int, **options: object) -> Callable[[int, int], object]:
    return lambda depth, seed: (
        sequences.transformer(depth, width, seed=seed, **options),
        sequences.tokens(seed=100 + seed),
    )


def _gcn(width: int) -> Callable[[int, int], object]:
    return lambda depth, seed: (
        graphs.gcn(depth, width, seed=seed, kind="residual"),
        graphs.graph(seed=100 + seed),
    )


_BLOCK = {"block": "blocks.{}", "layers": ("first", "second")}
_ATTN = {"block": "h.{}", "branch": "attn", "flag": "skips_attn"}
_ATTN["layers"] = ("attn.qkv", "attn.proj")
_MLP = {"block": "h.{}", "branch": "mlp", "flag": "skips_mlp", "layers": ("mlp.0", "mlp.2")}

MLP = Host(name="mlp", make=_mlp(48), depth=12, is_relu=True, **_BLOCK)
MLP_RAW = Host(name="unscaled mlp", make=_mlp(64, scale=1.0), depth=16, is_relu=True, **_BLOCK)
MLP_PRE = Host(
    name="pre-norm mlp",
    make=_mlp(48, norm="pre", act=nn.GELU),
    depth=16,
    is_normed=True,
    **_BLOCK,
)
MLP_POST = Host(
    name="post-norm mlp",
    make=_mlp(64, norm="post"),
    depth=10,
    is_relu=True,
    is_normed=True,
    **_BLOCK,
)
MLP_BATCH = Host(
    name="batch-norm mlp",
    make=_mlp(40, 24, norm="batch"),
    depth=20,
    is_relu=True,
    is_normed=True,
    **_BLOCK,
)
RESNET = Host(
    name="resnet",
    make=_resnet(8),
    depth=8,
    block="stages.0.{}",
    layers=("conv1", "conv2"),
    end="bn2",
    is_normed=True,
)
RESNET_FREE = Host(
    name="norm-free resnet",
    make=_resnet(16, has_norm=False),
    depth=10,
    block="stages.0.{}",
    layers=("conv1", "conv2"),
    is_relu=True,
)
GPT_ATTN = Host(name="gpt attention", make=_gpt(32), depth=8, is_normed=True, **_ATTN)
GPT_MLP = Host(name="gpt mlp", make=_gpt(32, std=0.02), depth=8, is_normed=True, **_MLP)
BERT_ATTN = Host(
    name="bert attention",
    make=_gpt(32, norm="post", is_causal=False),
    depth=6,
    is_normed=True,
    **_ATTN,
)
BERT_MLP = Host(
    name="bert mlp",
    make=_gpt(32, norm="post", is_causal=False),
    depth=6,
    is_normed=True,
    **_MLP,
)
GCN = Host(
    name="residual gcn",
    make=_gcn(32),
    depth=8,
    block="convs.{}",
    layers=("linear",),
    is_normed=True,
)

HOSTS = (MLP, MLP_PRE, MLP_POST, MLP_BATCH, RESNET, RESNET_FREE)
HOSTS += (GPT_ATTN, GPT_MLP, BERT_ATTN, BERT_MLP, GCN)
