"""Small nets with a batch and a loss, in float64 unless said otherwise."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from oracle.dense_hessian import dense_hessian


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A model, its batch, and its loss."""

    model: nn.Module
    x: Tensor
    y: Tensor
    loss_fn: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy

    @property
    def batch(self) -> tuple[nn.Module, Tensor, Tensor, Callable[[Tensor, Tensor], Tensor]]:
        """As `terrain` takes it."""
        return self.model, self.x, self.y, self.loss_fn


class ResidualConv(nn.Module):
    """Convolutions with batch norms, one skip, and a linear head: 416 parameters."""

    def __init__(self, *, has_skip: bool = True) -> None:
        super().__init__()
        self.has_skip = has_skip
        self.stem = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.first = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.second = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(4) for _ in range(3))
        self.head = nn.Linear(4 * 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.norms[0](self.stem(x))), 2)
        branch = self.norms[2](self.second(F.relu(self.norms[1](self.first(x)))))
        x = F.relu(x + branch if self.has_skip else branch)
        return self.head(F.avg_pool2d(x, 2).flatten(1))


class Attention(nn.Module):
    """One block of scaled dot-product attention."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (3, 2, 4)).transpose(1, 3).unbind(2)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.head((x + mixed).mean(1))


class Tied(nn.Module):
    """One weight used twice, under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 5)
        self.second = nn.Linear(5, 5)
        self.second.weight = self.first.weight
        self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.second(torch.tanh(self.first(x)))))


def _classes(count: int, size: int) -> Tensor:
    return torch.randint(count, (size,), generator=torch.Generator().manual_seed(3))


def residual_conv(dtype: torch.dtype = torch.float64, *, has_skip: bool = True) -> Case:
    torch.manual_seed(0)
    model = ResidualConv(has_skip=has_skip).to(dtype)
    return Case(model=model, x=torch.randn(8, 1, 8, 8).to(dtype), y=_classes(4, 8))


def mlp(dtype: torch.dtype = torch.float64) -> Case:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4)
    )
    return Case(model=model.to(dtype), x=torch.randn(32, 6).to(dtype), y=_classes(4, 32))


def attention(dtype: torch.dtype = torch.float64) -> Case:
    torch.manual_seed(0)
    return Case(model=Attention().to(dtype), x=torch.randn(4, 5, 8).to(dtype), y=_classes(3, 4))


def tied(dtype: torch.dtype = torch.float64) -> Case:
    torch.manual_seed(0)
    return Case(model=Tied().to(dtype), x=torch.randn(8, 5).to(dtype), y=_classes(3, 8))


def dense(name: str) -> Tensor:
    """The whole Hessian [N, N] of a case in float64, batch norms with the batch's statistics."""
    return _dense(name).clone()


@functools.cache
def _dense(name: str) -> Tensor:
    case = CASES[name]()
    case.model.eval()
    for module in case.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train()
            module.track_running_stats = False
    return dense_hessian(*case.batch)


CASES = {"residual_conv": residual_conv, "mlp": mlp, "attention": attention, "tied": tied}
