"""Faults of many blocks: stacks that vanish or explode, signals that fade or become alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from faults import dense, graphs, hosts, pictures, plants, sequences
from faults.case import Built, Fault


class Sandwich(nn.Module):
    """Residual blocks, a stack of plain layers, residual blocks again."""

    def __init__(self, around: int, inside: int, width: int, act: type[nn.Module]) -> None:
        super().__init__()
        self.net = dense.residual(2 * around, width)
        self.middle = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), act()) for _ in range(inside)
        )
        self.around = around

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        x = self.net.stem(x)
        for block in self.net.blocks[: self.around]:
            x = block(x)
        for layer in self.middle:
            x = layer(x)
        for block in self.net.blocks[self.around :]:
            x = block(x)
        logits: Tensor = self.net.head(x)
        return logits


def squashing_stack(
    depth: int, width: int, act: type[nn.Module], *, seed: int, norm: type[nn.Module] | None = None
) -> Fault:
    """Layers of tanh or sigmoid in PyTorch's own initialisation: the gradient vanishes."""

    def build() -> Built:
        torch.manual_seed(seed)
        layers: list[nn.Module] = [nn.Linear(12, width), act()]
        for _ in range(depth):
            layers += [nn.Linear(width, width), *([norm(width)] if norm else []), act()]
        net = nn.Sequential(*layers, nn.Linear(width, 5))
        return Built(model=net, inputs=dense.rows(seed=seed))

    return Fault(
        kind="tanh stack",
        name=f"{depth} {act.__name__} of width {width}",
        code="G201",
        where=_start([str(2 + 2 * k) for k in range(depth)]),
        also=("S101", "A303", "A304"),
        build=build,
        label="vanishing",
    )


def embedded_stack(around: int, inside: int, width: int, act: type[nn.Module], seed: int) -> Fault:
    """The same in the middle of a residual net."""

    def build() -> Built:
        torch.manual_seed(seed)
        return Built(model=Sandwich(around, inside, width, act), inputs=dense.rows(seed=seed))

    return Fault(
        kind="tanh stack",
        name=f"{inside} {act.__name__} amid {2 * around} residual blocks",
        code="G201",
        where=_start([f"middle.{k}" for k in range(inside)]),
        also=("S101", "A303", "A304"),
        build=build,
        label="vanishing",
    )


def saturated_stack(depth: int, width: int, gain: float, seed: int) -> Fault:
    """Tanh with large weights: chaotic, the gradient explodes."""

    def build() -> Built:
        net = dense.plain(
            depth, width, seed=seed, act=nn.Tanh, init=lambda w: nn.init.orthogonal_(w, gain)
        )
        return Built(model=net, inputs=dense.rows(seed=seed))

    return Fault(
        kind="tanh stack",
        name=f"{depth} tanh of width {width} with gain {gain:g}",
        code="G202",
        where=_start([str(2 + 2 * k) for k in range(depth)]),
        also=("S101",),
        build=build,
        label="exploding",
    )


def gain_of_all(host: hosts.Host, factor: float = 2.0, *, since: int = 0) -> Fault:
    """The branches of all blocks, or of those from number `since` on, times a factor."""

    def build() -> Built:
        net, inputs = host.make(host.depth, host.seed)
        for k in range(since, host.depth):
            block = net.get_submodule(host.block.format(k))
            plants.after(block, host.last, lambda y: y * factor)
        return Built(model=net.to(host.dtype), inputs=inputs)

    return Fault(
        kind="gain of all blocks",
        name=f"gain of {factor:g}: {host.name} of {host.depth} from block {since} on",
        code="G202",
        where=_start([host.place(k) for k in range(since, host.depth)]),
        also=("A301", "A303", "J401"),
        build=build,
        label="exploding",
    )


def gain_of_plain(depth: int, width: int, gain: float, seed: int, **options: object) -> Fault:
    """A plain ReLU net whose weights are off by a factor in each layer."""
    code = "G202" if gain > 1 else "G201"

    def build() -> Built:
        net = dense.plain(depth, width, seed=seed, init=dense.he(gain * 2**0.5), **options)
        return Built(model=net, inputs=dense.rows(seed=seed))

    return Fault(
        kind="gain of all blocks",
        name=f"gain of {gain:g} in {depth} plain layers of width {width}",
        code=code,
        where=_start([str(2 + 2 * k) for k in range(depth)]),
        also=("A301" if gain > 1 else "A304", "S101", "A303"),
        build=build,
        label="exploding" if gain > 1 else "vanishing",
    )


def dead_layer(
    depth: int, width: int, at: int, seed: int, plant: Callable[[nn.Module], object], what: str
) -> Fault:
    """One layer of a plain ReLU net gives nothing: neither signal nor gradient passes."""
    place = str(2 + 2 * at)

    def build() -> Built:
        net = dense.plain(depth, width, seed=seed)
        plant(net[int(place)])
        return Built(model=net, inputs=dense.rows(seed=seed))

    return Fault(
        kind="dead layer",
        name=f"{what} in layer {at} of {depth}, width {width}",
        code="G201",
        where=(place,),
        also=("A304", "A303"),
        build=build,
        label="vanishing",
    )


def plain_stack(depth: int, width: int, seed: int, init: Callable[[Tensor], object]) -> Fault:
    """A deep net without skips whose gradient survives, while the samples' geometry does not.

    The gradient alone decides no verdict: S101's page trains such a net, and it stays far behind.
    """

    def build() -> Built:
        net = dense.plain(depth, width, seed=seed, act=nn.ReLU, init=init, norm=nn.LayerNorm)
        return Built(model=net, inputs=dense.rows(seed=seed))

    return Fault(
        kind="plain stack",
        name=f"{depth} normalised layers of width {width}",
        code="S101",
        where=("0",),
        also=("A303", "A305", "G203"),
        build=build,
    )


def plain_convolutions(depth: int, width: int, seed: int) -> Fault:
    """A deep VGG with batch norm, as in He et al. 2016, figure 4."""

    def build() -> Built:
        net = pictures.vgg(depth, width, seed=seed, has_norm=True)
        return Built(model=net, inputs=pictures.images(8, seed=seed))

    return Fault(
        kind="plain stack",
        name=f"{depth} convolutions with batch norm, width {width}",
        code="S101",
        where=("0",),
        also=("G202",),
        build=build,
    )


def smoothed_nodes(depth: int, width: int, seed: int) -> Fault:
    """A deep graph convolution without skips: all nodes become alike."""

    def build() -> Built:
        net = graphs.gcn(depth, width, seed=seed)
        return Built(model=net, inputs=graphs.graph(seed=seed))

    return Fault(
        kind="over-smoothing",
        name=f"{depth} plain graph convolutions of width {width}",
        code="A302",
        where=tuple(f"convs.{k}" for k in range(depth)),
        also=("S101", "G201", "A304", "G202", "A301"),
        build=build,
    )


def smoothed_tokens(depth: int, width: int, seed: int) -> Fault:
    """Attention without skips: rank collapse."""

    def build() -> Built:
        net = sequences.mixing(depth, width, seed=seed)
        return Built(model=net, inputs=sequences.vectors(seed=seed))

    return Fault(
        kind="over-smoothing",
        name=f"{depth} attention layers without skips, width {width}",
        code="A302",
        where=tuple(f"layers.{k}" for k in range(depth)),
        also=("S101", "G201", "G202", "A303"),
        build=build,
    )


def parallel_inputs(depth: int, width: int, seed: int) -> Fault:
    """Tanh with biases, in the ordered phase: all inputs end at one point."""

    def build() -> Built:
        net = dense.plain(depth, width, seed=seed, act=nn.Tanh, init=dense.he(0.8))
        torch.manual_seed(seed)
        for part in net.modules():
            if isinstance(part, nn.Linear):
                nn.init.normal_(part.bias, std=0.5)
        return Built(model=net, inputs=dense.rows(seed=seed))

    return Fault(
        kind="parallel inputs",
        name=f"{depth} tanh in the ordered phase, width {width}",
        code="A303",
        where=tuple(str(2 + 2 * k) for k in range(depth)),
        also=("S101", "G201"),
        build=build,
    )


def fading_signal(depth: int, width: int, seed: int) -> Fault:
    """PyTorch's own initialisation of a plain ReLU net without biases: each layer gives less."""

    def build() -> Built:
        net = dense.plain(depth, width, seed=seed, init=dense.he(0.58))
        return Built(model=net, inputs=dense.rows(seed=seed))

    return Fault(
        kind="fading signal",
        name=f"{depth} layers of gain 0.41, width {width}",
        code="A304",
        where=_start([str(2 + 2 * k) for k in range(depth)]),
        also=("G201", "S101"),
        build=build,
        label="vanishing",
    )


def _start(places: Sequence[str]) -> tuple[str, ...]:
    """The first fifth of the troubled blocks, three at least: noise moves where it starts.

    In an nn.Sequential the first layer ("0") is one of the stack.
    """
    return (*(["0"] if places[0] == "2" else []), *places[: max(3, len(places) // 5)])
