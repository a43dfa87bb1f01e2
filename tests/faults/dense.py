"""Fully connected nets, plain and residual, of every common initialisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

Init = Callable[[Tensor], object]

GAIN = {nn.ReLU: 2.0**0.5, nn.GELU: 1.53, nn.SiLU: 1.68, nn.Tanh: 1.0, nn.Identity: 1.0}


class Block(nn.Module):
    """x + scale * F(x), F = second(act(first(norm(x)))); without a skip, F alone."""

    def __init__(self, width: int, act: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.norm: nn.Module = nn.Identity()
        self.first = nn.Linear(width, width)
        self.act = act()
        self.second = nn.Linear(width, width)
        self.after: nn.Module = nn.Identity()
        self.scale: float | nn.Parameter = 1.0
        self.has_skip = True

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        branch = self.second(self.act(self.first(self.norm(x))))
        if not isinstance(self.scale, float) or self.scale != 1.0:
            branch = branch * self.scale
        return self.after(x + branch if self.has_skip else branch)


class ResidualMLP(nn.Module):
    """stem, `depth` blocks, head."""

    def __init__(self, depth: int, width: int = 32, act: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.stem = nn.Linear(12, width)
        self.blocks = nn.ModuleList(Block(width, act) for _ in range(depth))
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(x)
        return logits


class NormedHead(ResidualMLP):
    """The same with a norm before the head, as pre-norm nets have it."""

    def __init__(self, depth: int, width: int = 32, act: type[nn.Module] = nn.ReLU) -> None:
        super().__init__(depth, width, act)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 5))  # type: ignore[assignment]


def residual(
    depth: int,
    width: int = 32,
    *,
    seed: int = 0,
    act: type[nn.Module] = nn.ReLU,
    norm: str = "",
    scale: float | None = None,
) -> ResidualMLP:
    """A residual MLP with He's weights; without a norm each branch is scaled by depth**-0.5."""
    torch.manual_seed(seed)
    net = (NormedHead if norm == "pre" else ResidualMLP)(depth, width, act)
    weights(net.blocks, he(GAIN[act]))
    for block in net.blocks:
        block.scale = float(scale if scale is not None else 1.0 if norm else depth**-0.5)
        if norm == "pre":
            block.norm = nn.LayerNorm(width)
        if norm == "post":
            block.after = nn.LayerNorm(width)
        if norm == "batch":
            block.norm = nn.BatchNorm1d(width)
    return net


def plain(
    depth: int,
    width: int = 32,
    *,
    seed: int = 0,
    act: type[nn.Module] = nn.ReLU,
    init: Init | None = None,
    norm: type[nn.Module] | None = None,
) -> nn.Sequential:
    """A plain MLP as one nn.Sequential, by default with the weights that keep the signal."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Linear(12, width), act()]
    for _ in range(depth):
        layers += [nn.Linear(width, width), *([norm(width)] if norm else []), act()]
    net = nn.Sequential(*layers, nn.Linear(width, 5))
    weights(net, init or he(GAIN[act]))
    return net


class NamedPlain(nn.Module):
    """A plain MLP whose layers are in a list, called in a loop."""

    def __init__(self, depth: int, width: int, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.embed = nn.Linear(12, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.readout = nn.Linear(width, 1)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        """One number a sample."""
        x = self.embed(x)
        for layer in self.layers:
            x = self.act(layer(x))
        out: Tensor = self.readout(x)
        return out


def he(gain: float = 2.0**0.5) -> Init:
    """Normal weights of standard deviation gain / sqrt(fan in)."""

    def fill(weight: Tensor) -> object:
        fan = weight[0].numel()
        return nn.init.normal_(weight, std=gain / fan**0.5)

    return fill


def orthogonal(gain: float = 1.0) -> Init:
    """Orthogonal weights."""
    return lambda weight: nn.init.orthogonal_(weight, gain)


def weights(module: nn.Module, init: Init, *, bias: float | None = 0.0) -> None:
    """Fill every weight of two or more dimensions by `init`, and every bias of a layer."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.Conv1d | nn.ConvTranspose2d):
            init(part.weight.data)
            if part.bias is not None and bias is not None:
                nn.init.constant_(part.bias, bias)


def scale_(layers: Sequence[nn.Module], factor: float) -> None:
    """Multiply the weights and biases of some layers."""
    with torch.no_grad():
        for layer in layers:
            for parameter in layer.parameters():
                parameter.mul_(factor)


def rows(batch: int = 16, *, seed: int = 100, dtype: torch.dtype = torch.float32) -> Tensor:
    """A batch of standard normal samples of twelve numbers."""
    return torch.randn(batch, 12, generator=torch.Generator().manual_seed(seed)).to(dtype)
