"""The profile of a ladder of blocks worked out by hand: block after block, a loop for each sum."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn


class Rung(Protocol):
    """A block by itself, and what follows it."""

    def branch(self, x: Tensor, /) -> Tensor: ...
    def skip(self, x: Tensor, /) -> Tensor: ...
    def join(self, x: Tensor, /) -> Tensor: ...
    def after(self, y: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class BlockByHand:
    """What the report should say of one block."""

    signal_rms: float
    gradient_rms: float
    gradient_norm: float
    residual_ratio: float
    similarity: float
    token_similarity: float | None
    rank: float


@dataclass(frozen=True)
class ProfileByHand:
    """What the report should say of the net; `entries` and `outputs` are the blocks' borders."""

    blocks: list[BlockByHand]
    log10_gradient_ratio: float
    log10_signal_ratio: float
    entries: list[Tensor]
    outputs: list[Tensor]


def profile_by_hand(
    rungs: list[Rung], x: Tensor, cotangent: Callable[[Tensor], Tensor]
) -> ProfileByHand:
    """The profile for the gradient that `cotangent` of the net's output sends back."""
    entries, outputs = [], []
    h = x.detach().clone().requires_grad_()
    for rung in rungs:
        entries.append(h)
        y = rung.join(h)
        outputs.append(y)
        h = rung.after(y.clone())  # which may overwrite what it gets
    wanted = [entries[0], *outputs]
    g_in, *gradients = torch.autograd.grad(h, wanted, cotangent(h.detach()))
    with torch.no_grad():
        blocks = [
            _block(rung.branch(e.detach()), rung.skip(e.detach()), y, g)
            for rung, e, y, g in zip(rungs, entries, outputs, gradients, strict=True)
        ]
    logs = [
        math.log10(float(a.norm()) / float(b.norm()))
        for a, b in zip(g_in, gradients[-1], strict=True)
    ]
    return ProfileByHand(
        blocks=blocks,
        log10_gradient_ratio=sum(logs) / len(logs),
        log10_signal_ratio=math.log10(blocks[-1].signal_rms / blocks[0].signal_rms),
        entries=[e.detach() for e in entries],
        outputs=[y.detach() for y in outputs],
    )


def _block(branch: Tensor, skip: Tensor, y: Tensor, g: Tensor) -> BlockByHand:
    samples = [s.flatten() for s in y]
    return BlockByHand(
        signal_rms=math.sqrt(float(y.square().mean())),
        gradient_rms=math.sqrt(float(g.square().mean())),
        gradient_norm=math.sqrt(sum(float(s.norm() ** 2) for s in g) / len(g)),
        residual_ratio=math.sqrt(float(branch.square().mean() / skip.square().mean())),
        similarity=_mean_cosine(samples),
        token_similarity=_mean_cosine(list(y[0])) if y.dim() == 3 else None,
        rank=_rank(samples),
    )


def _mean_cosine(rows: list[Tensor]) -> float:
    cosines = [
        float(a @ b / (a.norm() * b.norm()))
        for i, a in enumerate(rows)
        for j, b in enumerate(rows)
        if i != j
    ]
    return sum(cosines) / len(cosines)


def _rank(rows: list[Tensor]) -> float:
    """exp of the entropy of the squared singular values of the rows, each of unit length."""
    values = torch.linalg.svdvals(torch.stack([r / r.norm() for r in rows])) ** 2
    shares = [float(v) for v in values / values.sum() if v > 0]
    return math.exp(-sum(p * math.log(p) for p in shares))


def with_fixed_statistics(net: nn.Module, x: Tensor) -> nn.Module:
    """A copy whose batch norms hold the statistics that the batch `x` has in training mode."""
    net = copy.deepcopy(net)
    if not net.training:
        return net

    def fix(norm: nn.Module, args: tuple[Tensor, ...]) -> None:
        axes = [0, *range(2, args[0].dim())]
        norm.running_mean = args[0].detach().mean(axes)
        norm.running_var = args[0].detach().var(axes, unbiased=False)
        norm.eval()

    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.register_forward_pre_hook(fix)
    net(x.clone())
    for module in net.modules():
        module._forward_pre_hooks.clear()
    return net.eval()
