"""Small residual blocks of every kind, as functions, with their places in a retained graph."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from plusone.probe.block_spectra import BlockPlaces
from plusone.probe.operator import Place

Join = Literal["identity", "concat", "other"]
Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Case:
    """A block: its branch F, its join, the shape of one sample of its input."""

    name: str
    shape: tuple[int, ...]
    branch: nn.Module
    combine: Callable[[Tensor, Tensor], Tensor]
    join: Join = "other"

    def whole(self, x: Tensor) -> Tensor:
        return self.combine(x, self.branch(x))

    def to(self, dtype: torch.dtype) -> Case:
        return replace(self, branch=copy.deepcopy(self.branch).to(dtype))

    def input(self, *, batch: int = 2, dtype: torch.dtype = torch.float64, seed: int = 1) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(batch, *self.shape, generator=generator, dtype=dtype)

    def places(self, x: Tensor) -> BlockPlaces:
        x = x.detach().clone().requires_grad_() * 1
        with sdpa_kernel(SDPBackend.MATH):
            f = self.branch(x)
        y = self.combine(x, f)
        return BlockPlaces(
            source=Place.of(x),
            branch=Place.of(f),
            output=Place.of(y),
            batch=len(x),
            join=self.join,
            anchor=y,
        )


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        B, T, D = x.shape
        parts = self.qkv(self.norm(x)).reshape(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        return self.out(y.transpose(1, 2).reshape(B, T, D))


class Highway(nn.Module):
    """T(x) (H(x) - x): the branch that makes a highway layer an identity skip plus a branch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.h = nn.Linear(width, width)
        self.t = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.t(x)) * torch.tanh(self.h(x))


def _norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    norm.running_mean = torch.randn(channels)
    norm.running_var = 0.5 + torch.rand(channels)
    return norm


def _mlp(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 2 * width), nn.Tanh(), nn.Linear(2 * width, width))


def _conv_norm(inputs: int, outputs: int, stride: int = 1, groups: int = 1) -> nn.Module:
    return nn.Sequential(
        _norm(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, 3, stride, 1, groups=groups, bias=False),
        _norm(outputs),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, 1, 1),
    )


def _add(x: Tensor, f: Tensor) -> Tensor:
    return x + f


def _projection(weight: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, f: F.conv2d(x, weight.to(x.dtype), stride=2) + f


def _carry(weight: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, f: f + (1 - torch.sigmoid(x @ weight.to(x.dtype))) * x


def cases() -> tuple[Case, ...]:
    """One block of each kind, in float64, the same ones on every call."""
    torch.manual_seed(7)
    gate = 0.2 * torch.randn(24, 24)
    shortcut = 0.5 * torch.randn(6, 3, 1, 1)
    gelu = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 48), nn.GELU(), nn.Linear(48, 16))
    grouped = _conv_norm(4, 4, groups=2)
    depthwise = nn.Sequential(nn.Conv2d(6, 6, 3, 1, 1, groups=6), nn.Tanh(), nn.Conv2d(6, 6, 1))
    up_down = nn.Sequential(
        nn.Conv2d(4, 6, 2, 2), nn.Tanh(), nn.ConvTranspose2d(6, 4, 2, 2), nn.Tanh()
    )
    line = nn.Sequential(nn.Conv1d(4, 8, 3, 1, 2, dilation=2), nn.Tanh(), nn.Conv1d(8, 4, 3, 1, 1))
    found = (
        Case("mlp", (40,), _mlp(40), _add, "identity"),
        Case("layernorm-gelu", (5, 16), gelu, _add, "identity"),
        Case("attention", (6, 12), Attention(12, 3), _add, "identity"),
        Case("preact-conv-bn", (4, 6, 6), _conv_norm(4, 4), _add, "identity"),
        Case("grouped-conv", (4, 6, 6), grouped, _add, "identity"),
        Case("depthwise-conv", (6, 5, 5), depthwise, _add, "identity"),
        Case("transposed-conv", (4, 6, 6), up_down, _add, "identity"),
        Case("conv1d-dilated", (4, 20), line, _add, "identity"),
        Case("projection-conv", (3, 8, 8), _conv_norm(3, 6, 2), _projection(shortcut)),
        Case("highway", (24,), Highway(24), _carry(gate)),
        Case("scaled", (40,), _mlp(40), lambda x, f: 0.5 * x + 0.1 * f),
        Case("concat", (4, 5, 5), _conv_norm(4, 3), lambda x, f: torch.cat([x, f], 1), "concat"),
        Case("small", (6,), _mlp(6), _add, "identity"),
    )
    return tuple(replace(c, branch=c.branch.double().eval().requires_grad_(False)) for c in found)


CASES = {case.name: case for case in cases()}
