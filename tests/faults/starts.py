"""Healthy ways to start: branches that are zero at first, frozen parts, chance in the forward.

Each takes a built host and changes it as the recipe says; nothing of it is a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from faults import plants
from faults.hosts import Host


class Scaled(nn.Module):
    """A layer with a learnable factor behind it, one number or one for each channel."""

    def __init__(self, inner: nn.Module, start: float, width: int = 1) -> None:
        super().__init__()
        self.inner = inner
        self.factor = nn.Parameter(torch.full((width,), start))

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output times the factor."""
        y: Tensor = self.inner(x)
        return y * self.factor.view(-1, *([1] * (y.dim() - 2))) if y.dim() == 4 else y * self.factor


class Adapted(nn.Module):
    """A frozen linear layer with a low-rank update that starts at zero (LoRA)."""

    def __init__(self, inner: nn.Linear, rank: int = 4) -> None:
        super().__init__()
        self.inner = inner
        self.down = nn.Parameter(torch.randn(rank, inner.in_features) * 0.02)
        self.up = nn.Parameter(torch.zeros(inner.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """W x + up down x."""
        y: Tensor = self.inner(x)
        return y + x @ self.down.T @ self.up.T


class DropPath(nn.Module):
    """Stochastic depth: for each sample the layer's output is kept or set to zero."""

    def __init__(self, inner: nn.Module, rate: float) -> None:
        super().__init__()
        self.inner = inner
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """The output, where it is kept, divided by the rate of keeping."""
        y: Tensor = self.inner(x)
        if not self.training:
            return y
        shape = (y.shape[0], *([1] * (y.dim() - 1)))
        return y * y.new_empty(shape).bernoulli_(1 - self.rate).div_(1 - self.rate)


Start = Callable[[Host, nn.Module], object]


def rezero(host: Host, net: nn.Module) -> None:
    """One learnable zero on each branch (Bachlechner et al. 2021)."""
    for block in blocks(host, net):
        wrap(block, host.last, lambda inner: Scaled(inner, 0.0))


def layer_scale(host: Host, net: nn.Module) -> None:
    """A learnable 1e-6 for each channel (Touvron et al. 2021)."""
    for block in blocks(host, net):
        wrap(block, host.last, lambda inner: Scaled(inner, 1e-6, width(inner)))


def zero_last(host: Host, net: nn.Module) -> None:
    """The last module of each branch is zero (Goyal et al. 2017; GPT-2 style)."""
    for block in blocks(host, net):
        plants.zeros([block.get_submodule(host.last)])


def zero_everything_last(host: Host, net: nn.Module) -> None:
    """Zero branches and a zero head, as Fixup has both."""
    zero_last(host, net)
    plants.zeros([m for m in net.modules() if isinstance(m, nn.Linear)][-1:])


def frozen_trunk(host: Host, net: nn.Module) -> None:
    """Fine-tuning of the head alone."""
    for block in blocks(host, net):
        plants.freeze(block)


def frozen_start(host: Host, net: nn.Module) -> None:
    """Fine-tuning of the second half."""
    for block in list(blocks(host, net))[: host.depth // 2]:
        plants.freeze(block)


def frozen_all(host: Host, net: nn.Module) -> None:
    """Nothing learns: a teacher."""
    plants.freeze(net)


def biases_alone(host: Host, net: nn.Module) -> None:
    """BitFit: biases learn, nothing else does."""
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name.endswith("bias"))


def low_rank(host: Host, net: nn.Module) -> None:
    """LoRA on every layer of the branches."""
    plants.freeze(net)
    for block in blocks(host, net):
        for layer in host.layers:
            wrap(block, layer, Adapted)


def drop_path(host: Host, net: nn.Module) -> None:
    """Stochastic depth, more of it further up (Huang et al. 2016)."""
    for k, block in enumerate(blocks(host, net)):
        rate = 0.5 * (k + 1) / host.depth
        wrap(block, host.last, lambda inner, rate=rate: DropPath(inner, rate))


def dropout(host: Host, net: nn.Module) -> None:
    """Dropout of a tenth on each branch."""
    for block in blocks(host, net):
        wrap(block, host.last, lambda inner: nn.Sequential(inner, nn.Dropout(0.1)))


def weight_norm(host: Host, net: nn.Module) -> None:
    """Weights computed from a direction and a length (Salimans and Kingma 2016)."""
    for block in blocks(host, net):
        for layer in host.weighted(block):
            parametrizations.weight_norm(layer)


STARTS: tuple[Start, ...] = (
    rezero,
    layer_scale,
    zero_last,
    zero_everything_last,
    frozen_trunk,
    frozen_start,
    frozen_all,
    biases_alone,
    drop_path,
    dropout,
    weight_norm,
)


def blocks(host: Host, net: nn.Module) -> Iterator[nn.Module]:
    """The blocks of a host's model."""
    return (net.get_submodule(host.block.format(k)) for k in range(host.depth))


def wrap(block: nn.Module, path: str, around: Callable[..., nn.Module]) -> None:
    """Put a module around the one at `path` of `block`."""
    parent, _, name = path.rpartition(".")
    setattr(block.get_submodule(parent), name, around(block.get_submodule(path)))


def width(module: nn.Module) -> int:
    """The number of channels that a module gives."""
    for name in ("out_features", "out_channels", "num_features"):
        if hasattr(module, name):
            return int(getattr(module, name))
    raise AttributeError(type(module).__name__)
