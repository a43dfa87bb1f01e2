"""An architecture as one ordinary module."""

from __future__ import annotations

import math

import torch
from benchmarks.trainability.data import NUM_CLASSES, NUM_NODES, adjacency
from benchmarks.trainability.spec import CRITICAL, Arch
from benchmarks.trainability.topology import run
from torch import nn
from torch.nn import functional as F

NUM_TOKENS = 8
NUM_HEADS = 2
_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "linear": nn.Identity}


class Net(nn.Module):
    """The network of an architecture; `layers` holds its modules by the names of `topology`."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.arch = arch
        if arch.kind == "graph":
            self.register_buffer("adjacency", adjacency(), persistent=False)
        made = {
            "stem": _stem(arch),
            **_weights(arch),
            **_norms(arch),
            "head": nn.Linear(_num_read(arch), NUM_CLASSES),
        }
        names = [n[:-1] for n in made if n.endswith("u")] if arch.kind == "transformer" else []
        names = names or [f"l{k}" for k in range(arch.depth)]
        made |= {f"{name}a": _ACTIVATIONS[arch.activation]() for name in names}
        self.layers = nn.ModuleDict(made)
        if arch.kind == "transformer":
            self.positions = nn.Parameter(torch.zeros(NUM_TOKENS, arch.width))
        _initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The logits, [samples, 10]."""
        return run(self.arch, self, x)

    def linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """See `topology.Layers`, for all below."""
        return self.layers[name](x)

    def norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return self.layers[f"{name}n"](x)

    def activation(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return self.layers[f"{name}a"](x)

    def attention(self, qkv: torch.Tensor) -> torch.Tensor:
        q, k, v = qkv.unflatten(2, (3, NUM_HEADS, -1)).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    def mix(self, x: torch.Tensor) -> torch.Tensor:
        return self.adjacency @ x

    def concat(self, states: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat(states, 1 if self.arch.kind == "conv" else -1)

    def stem(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layers["stem"](x)
        return x + self.positions if self.arch.kind == "transformer" else x

    def head(self, x: torch.Tensor) -> torch.Tensor:
        if self.arch.kind == "conv":
            x = F.avg_pool2d(x, 2)
        return self.layers["head"](x.flatten(1))


def build(arch: Arch) -> Net:
    """The network with its first weights, in training mode; leaves the random state alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(arch.seed)
        return Net(arch)


def _num_read(arch: Arch) -> int:
    places = {"mlp": 1, "conv": 4, "transformer": NUM_TOKENS, "graph": NUM_NODES}[arch.kind]
    return places * arch.width


def _stem(arch: Arch) -> nn.Module:
    if arch.kind == "conv":
        return nn.Conv2d(1, arch.width, 3, 2, 1)
    return nn.Linear({"mlp": 64, "transformer": 8, "graph": 4}[arch.kind], arch.width)


def _weights(arch: Arch) -> dict[str, nn.Module]:
    made: dict[str, nn.Module] = {}
    d = arch.width
    entry = d * arch.window if arch.pattern == "dense" else d
    for k in range(arch.depth):
        if arch.kind == "conv":
            made[f"l{k}"] = nn.Conv2d(entry, d, 3, 1, 1)
        elif arch.kind != "transformer":
            made[f"l{k}"] = nn.Linear(entry, d)
        elif k % 2 == 0:
            made |= {f"l{k}q": nn.Linear(d, 3 * d), f"l{k}o": nn.Linear(d, d)}
        else:
            made |= {f"l{k}u": nn.Linear(d, 2 * d), f"l{k}d": nn.Linear(2 * d, d)}
    return made


def _norms(arch: Arch) -> dict[str, nn.Module]:
    if arch.norm == "none":
        return {}
    is_wide = arch.pattern == "dense" and arch.place == "pre" and arch.kind != "transformer"
    width = arch.width * (arch.window if is_wide else 1)
    made = {f"l{k}n": _norm(arch, width) for k in range(arch.depth)}
    return made | ({"endn": _norm(arch, arch.width)} if arch.place == "pre" else {})


def _norm(arch: Arch, width: int) -> nn.Module:
    if arch.norm == "batch":
        kind = nn.BatchNorm2d if arch.kind == "conv" else nn.BatchNorm1d
        return kind(width, affine=False)
    if arch.kind == "conv":
        return nn.GroupNorm(1, width, affine=False)
    return nn.LayerNorm(width, elementwise_affine=False)


def _initialise(net: Net) -> None:
    arch = net.arch
    for name, module in net.layers.items():
        if not isinstance(module, nn.Linear | nn.Conv2d):
            continue
        is_inner = name not in ("stem", "head")
        if is_inner and arch.init == "default":
            continue
        fan_in = float(module.weight[0].numel())
        if is_inner and arch.kind == "conv":
            fan_in *= (
                10 / 12
            ) ** 2  # at the borders of 4 x 4 places a third of the taps reads zeros
        variance = 1.0
        if is_inner:
            # A transformer's branch holds two linear maps: their gains multiply to `gain`.
            variance = arch.gain ** (0.5 if arch.kind == "transformer" else 1.0)
            variance *= CRITICAL[arch.activation] if _reads_activation(arch, name) else 1.0
        if is_inner and arch.init == "orthogonal" and arch.pattern != "dense":
            nn.init.orthogonal_(
                module.weight, math.sqrt(variance * module.weight[0].numel() / fan_in)
            )
        else:
            nn.init.normal_(module.weight, std=math.sqrt(variance / fan_in))
        nn.init.zeros_(module.bias)
    if arch.kind == "transformer":
        nn.init.normal_(net.positions, std=0.5)


def _reads_activation(arch: Arch, name: str) -> bool:
    return arch.kind != "transformer" or name.endswith("d")
