"""Copies of one network, each with its own optimiser and learning rate, computed together.

Shapes: A arms, N samples, T tokens or nodes, D features, C channels. Arms stand first, [A, N, D] or
[A, N, T, D], except between convolutions: [N, A * C, H, W], in groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from benchmarks.trainability.nets import NUM_HEADS, Net
from benchmarks.trainability.topology import run
from torch.nn import functional as F

_ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "gelu": F.gelu, "linear": lambda x: x}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """An optimiser ("sgd" with momentum 0.9, or "adam") at one learning rate."""

    optimiser: str
    rate: float


class Arms:
    """The arms' parameters and optimisers' moments, in one flat matrix [A, parameters] each.

    All start from the weights of `net`. SGD: v <- 0.9 v + g, w <- w - rate v. Adam: Kingma and Ba
    (2015), with its default moments.
    """

    def __init__(self, net: Net, arms: tuple[Arm, ...]) -> None:
        self.arch = net.arch
        self.arms = arms
        self._adjacency = getattr(net, "adjacency", None)
        self._shapes = {name: p.shape for name, p in net.named_parameters()}
        row = torch.cat([p.detach().flatten() for p in net.parameters()])
        self.weights = row.repeat(len(arms), 1)
        self._first = torch.zeros_like(self.weights)
        self._second = torch.zeros_like(self.weights)
        self._step = 0
        self._bind()

    def _bind(self) -> None:
        """Leaves that share memory with the flat weights; the settings as columns."""
        self.views: dict[str, torch.Tensor] = {}
        start = 0
        for name, shape in self._shapes.items():
            view = self.weights[:, start : start + shape.numel()].unflatten(1, shape)
            self.views[name] = view.detach().requires_grad_()
            start += shape.numel()
        self._rates = torch.tensor([[arm.rate] for arm in self.arms])
        self._is_adam = [arm.optimiser == "adam" for arm in self.arms]

    def keep(self, which: list[int]) -> None:
        """Go on with these arms alone."""
        self.arms = tuple(self.arms[k] for k in which)
        self.weights = self.weights[which].clone()
        self._first, self._second = self._first[which], self._second[which]
        self._bind()

    def losses(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean cross entropy of each arm, [A]."""
        losses = F.cross_entropy(
            logits.flatten(0, 1), targets.repeat(len(self.arms)), reduction="none"
        )
        return losses.view(len(self.arms), -1).mean(1)

    def step(self, x: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """One step of all arms on a batch; their losses before it."""
        losses = self.losses(self(x), targets)
        found = torch.autograd.grad(losses.sum(), list(self.views.values()), allow_unused=True)
        parts = [
            (g if g is not None else torch.zeros_like(p)).flatten(1)
            for g, p in zip(found, self.views.values(), strict=True)
        ]
        self._update(torch.cat(parts, 1))
        return losses.detach()

    def _update(self, gradient: torch.Tensor) -> None:
        self._step += 1
        # Arms of one optimiser stand together, so each is one slice.
        for is_adam in (False, True):
            rows = [k for k, adam in enumerate(self._is_adam) if adam == is_adam]
            if not rows:
                continue
            part = slice(rows[0], rows[-1] + 1)
            g, first, rate = gradient[part], self._first[part], self._rates[part]
            if not is_adam:
                first.mul_(0.9).add_(g)
                self.weights[part].addcmul_(first, -rate.expand_as(first))
                continue
            second = self._second[part]
            first.mul_(0.9).add_(g, alpha=0.1)
            second.mul_(0.999).addcmul_(g, g, value=0.001)
            size = (second / (1 - 0.999**self._step)).sqrt_().add_(1e-8)
            size.mul_((1 - 0.9**self._step) / -rate)
            self.weights[part].addcdiv_(first, size)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The logits of all arms, [A, N, 10], for inputs without arms."""
        return run(self.arch, self, x)

    def _weight(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        return self.views[f"layers.{name}.weight"], self.views[f"layers.{name}.bias"]

    def linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """See `topology.Layers`, for all below."""
        weight, bias = self._weight(name)
        if self.arch.kind == "conv":
            stride = 2 if name == "stem" else 1
            return F.conv2d(
                x, weight.flatten(0, 1), bias.flatten(), stride, 1, groups=len(self.arms)
            )
        found = torch.baddbmm(bias[:, None], x.flatten(1, -2), weight.mT)
        return found.view(*x.shape[:-1], weight.shape[1])

    def norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        arms = len(self.arms)
        if self.arch.norm == "layer":
            if self.arch.kind == "conv":
                return F.group_norm(x, arms)
            return F.layer_norm(x, x.shape[-1:])
        if self.arch.kind == "conv":
            return F.batch_norm(x, None, None, training=True)
        flat = F.batch_norm(x.transpose(0, 1).flatten(1), None, None, training=True)
        return flat.unflatten(1, (arms, -1)).transpose(0, 1)

    def activation(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return _ACTIVATIONS[self.arch.activation](x)

    def attention(self, qkv: torch.Tensor) -> torch.Tensor:
        q, k, v = qkv.unflatten(3, (3, NUM_HEADS, -1)).permute(3, 0, 1, 4, 2, 5).flatten(1, 2)
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        return found.flatten(2).unflatten(0, (len(self.arms), -1))

    def mix(self, x: torch.Tensor) -> torch.Tensor:
        assert self._adjacency is not None
        return torch.matmul(self._adjacency, x)

    def concat(self, states: list[torch.Tensor]) -> torch.Tensor:
        if self.arch.kind != "conv":
            return torch.cat(states, -1)
        arms = [s.unflatten(1, (len(self.arms), -1)) for s in states]
        return torch.cat(arms, 2).flatten(1, 2)

    def stem(self, x: torch.Tensor) -> torch.Tensor:
        if self.arch.kind == "conv":
            return self.linear("stem", x.repeat(1, len(self.arms), 1, 1))
        x = self.linear("stem", x.expand(len(self.arms), *x.shape))
        return x + self.views["positions"][:, None] if self.arch.kind == "transformer" else x

    def head(self, x: torch.Tensor) -> torch.Tensor:
        if self.arch.kind == "conv":
            x = F.avg_pool2d(x, 2).unflatten(1, (len(self.arms), -1)).transpose(0, 1)
        weight, bias = self._weight("head")
        return torch.baddbmm(bias[:, None], x.flatten(2), weight.mT)
