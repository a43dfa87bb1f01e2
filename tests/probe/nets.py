"""Small nets with blocks of every kind, written as users write them, and each block by itself.

A rung says what enters its block (`entry`), the block (`join`, from `skip` and `branch`) and what
follows (`after`). The net runs the rungs; the oracles ask them one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.records import Kind

Function = Callable[[Tensor], Tensor]


class Rung(nn.Module):
    """A residual block: y = skip(x) + branch(x). Kinds of blocks override what differs."""

    kind: Kind = "identity"

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.f = branch

    def branch(self, x: Tensor) -> Tensor:
        """What the join adds (or appends) to the skip."""
        return self.f(x)

    def skip(self, x: Tensor) -> Tensor:
        """What the join adds the branch to."""
        return x

    def join(self, x: Tensor) -> Tensor:
        """The whole block, from its entry to its join."""
        return self.skip(x) + self.branch(x)

    def after(self, y: Tensor) -> Tensor:
        """What stands between this block and the next."""
        return y

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.join(x))


class InPlace(Rung):
    def join(self, x: Tensor) -> Tensor:
        return self.f(x).add_(x)


class ReluBehind(Rung):
    """The original residual block: the activation stands behind the sum, and writes into it."""

    def after(self, y: Tensor) -> Tensor:
        return torch.relu_(y)


class PostNorm(Rung):
    def __init__(self, branch: nn.Module, width: int) -> None:
        super().__init__(branch)
        self.norm = nn.LayerNorm(width)

    def after(self, y: Tensor) -> Tensor:
        return self.norm(y)


class Minus(Rung):
    def branch(self, x: Tensor) -> Tensor:
        return -self.f(x)

    def join(self, x: Tensor) -> Tensor:
        return x - self.f(x)


class Projection(Rung):
    kind: Kind = "projection"

    def __init__(self, branch: nn.Module, projection: nn.Module) -> None:
        super().__init__(branch)
        self.p = projection

    def skip(self, x: Tensor) -> Tensor:
        return self.p(x)


class Highway(Rung):
    kind: Kind = "gated"

    def __init__(self, branch: nn.Module, gate: nn.Module) -> None:
        super().__init__(branch)
        self.t = gate

    def branch(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.t(x)) * self.f(x)

    def skip(self, x: Tensor) -> Tensor:
        return (1 - torch.sigmoid(self.t(x))) * x

    def join(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.t(x))
        return gate * self.f(x) + (1 - gate) * x


class LayerScale(Rung):
    """x + gain * f(x), with a gain for each channel; ReZero where there is one for all."""

    def __init__(self, branch: nn.Module, width: int) -> None:
        super().__init__(branch)
        self.gain = nn.Parameter(0.3 * torch.ones(width))

    def branch(self, x: Tensor) -> Tensor:
        return self.gain * self.f(x)


class ScaledSkip(Rung):
    kind: Kind = "scaled"

    def skip(self, x: Tensor) -> Tensor:
        return 0.5 * x


class Concat(Rung):
    """A dense layer: cat(x, f(x)), and a transition back to the old width."""

    kind: Kind = "concat"

    def __init__(self, branch: nn.Module, transition: nn.Module) -> None:
        super().__init__(branch)
        self.transition = transition

    def join(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.f(x)], 1)

    def after(self, y: Tensor) -> Tensor:
        return self.transition(y)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).flatten(2))


class Ladder(nn.Module):
    """Rungs one after another, without stem and head."""

    def __init__(self, *rungs: Rung) -> None:
        super().__init__()
        self.rungs = nn.ModuleList(rungs)

    def forward(self, x: Tensor) -> Tensor:
        for rung in self.rungs:
            x = rung(x)
        return x


def _mlp(width: int, activation: nn.Module | None = None) -> nn.Module:
    return nn.Sequential(
        nn.Linear(width, 2 * width), activation or nn.Tanh(), nn.Linear(2 * width, width)
    )


def _pre_norm(width: int) -> nn.Module:
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
    )


def _conv(
    channels: int, outputs: int | None = None, *, stride: int = 1, norm: bool = False
) -> nn.Module:
    outputs = outputs or channels
    return nn.Sequential(
        nn.Conv2d(channels, outputs, 3, stride, 1),
        nn.BatchNorm2d(outputs) if norm else nn.Identity(),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, 1, 1),
        nn.BatchNorm2d(outputs) if norm else nn.Identity(),
    )


def _u_net_level() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, 2, 1),
        nn.SiLU(),
        nn.Conv2d(4, 4, 3, 1, 1),
        nn.SiLU(),
        nn.ConvTranspose2d(4, 2, 2, 2),
    )


@dataclass(frozen=True)
class Net:
    """How to make three rungs of a kind, and the shape of one sample."""

    make: Callable[[], Rung]
    shape: tuple[int, ...]

    def build(self, dtype: torch.dtype = torch.float64, seed: int = 0) -> Ladder:
        """Three rungs with weights of the given seed, drawn in float64."""
        torch.manual_seed(seed)
        ladder = Ladder(*(self.make() for _ in range(3)))
        if isinstance(ladder.rungs[-1], Concat):
            ladder.rungs[-1].transition = nn.Identity()  # the net ends with its last join
        for module in ladder.modules():
            if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.1)
        return ladder.to(dtype)

    def input(self, batch: int = 4, dtype: torch.dtype = torch.float64) -> Tensor:
        """Samples of unit variance."""
        generator = torch.Generator().manual_seed(1)
        return torch.randn(batch, *self.shape, generator=generator, dtype=torch.float64).to(dtype)


NETS: dict[str, Net] = {
    "tanh": Net(lambda: Rung(_mlp(12)), (12,)),
    "relu": Net(lambda: Rung(_mlp(12, nn.ReLU(inplace=True))), (12,)),
    "gelu": Net(lambda: Rung(_mlp(12, nn.GELU())), (12,)),
    "silu": Net(lambda: Rung(_mlp(12, nn.SiLU())), (12,)),
    "pre-norm": Net(lambda: Rung(_pre_norm(12)), (12,)),
    "post-norm": Net(lambda: PostNorm(_mlp(12), 12), (12,)),
    "attention": Net(lambda: Rung(Attention(8, 2)), (5, 8)),
    "mlp of tokens": Net(lambda: Rung(_pre_norm(8)), (5, 8)),
    "sum in place": Net(lambda: InPlace(_mlp(12)), (12,)),
    "minus": Net(lambda: Minus(_mlp(12)), (12,)),
    "projection": Net(lambda: Projection(_mlp(12), nn.Linear(12, 12, bias=False)), (12,)),
    "highway": Net(
        lambda: Highway(nn.Sequential(nn.Linear(12, 12), nn.Tanh()), nn.Linear(12, 12)), (12,)
    ),
    "layer scale": Net(lambda: LayerScale(_mlp(12), 12), (12,)),
    "rezero": Net(lambda: LayerScale(_mlp(12), 1), (12,)),
    "scaled skip": Net(lambda: ScaledSkip(_mlp(12)), (12,)),
    "dense layer": Net(
        lambda: Concat(nn.Sequential(nn.Linear(12, 5), nn.Tanh()), nn.Linear(17, 12)), (12,)
    ),
    "u-net level": Net(lambda: Concat(_u_net_level(), nn.Conv2d(4, 2, 1)), (2, 4, 4)),
    "conv": Net(lambda: ReluBehind(_conv(2)), (2, 4, 4)),
    "conv and batch norm": Net(lambda: ReluBehind(_conv(2, norm=True)), (2, 4, 4)),
    "depthwise": Net(
        lambda: Rung(
            nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1, groups=4), nn.GELU(), nn.Conv2d(4, 4, 1))
        ),
        (4, 3, 3),
    ),
}
