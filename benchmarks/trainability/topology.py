"""How the layers of an architecture are joined, whoever computes them: one net or many arms."""

from __future__ import annotations

from typing import Protocol

import torch
from benchmarks.trainability.spec import Arch


class Layers(Protocol):
    """What a network computes layer by layer; each name is that of one module of `Net`."""

    def linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """The linear layer (or convolution) of that name."""
        ...

    def norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """The norm of that name."""
        ...

    def activation(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """The activation of that name."""
        ...

    def attention(self, qkv: torch.Tensor) -> torch.Tensor:
        """Attention among the tokens, from queries, keys and values in one tensor."""
        ...

    def mix(self, x: torch.Tensor) -> torch.Tensor:
        """The mean over neighbours in the graph."""
        ...

    def concat(self, states: list[torch.Tensor]) -> torch.Tensor:
        """States side by side in their features."""
        ...

    def stem(self, x: torch.Tensor) -> torch.Tensor:
        """State 0."""
        ...

    def head(self, x: torch.Tensor) -> torch.Tensor:
        """The logits."""
        ...


def run(arch: Arch, layers: Layers, x: torch.Tensor) -> torch.Tensor:
    """The logits of `arch`."""
    states = [layers.stem(x)]
    for index, sources in enumerate(arch.sources):
        name = f"l{index}"
        entry = states[-1]
        if arch.pattern == "dense" and arch.kind != "transformer":
            # A full window, so that all layers have one shape: the stem's output stands in.
            window = states[-arch.window :]
            entry = layers.concat([states[0]] * (arch.window - len(window)) + window)
        branch = _branch(arch, layers, name, entry)
        if arch.pattern == "dense" and arch.kind == "transformer":
            window = states[-arch.window :]
            branch = sum(window[1:], window[0]) / len(window) + arch.scale * branch
        elif sources:
            branch = branch if arch.scale == 1.0 else arch.scale * branch
            for source in sources:
                branch = states[source] + branch
        if arch.norm != "none" and arch.place == "post":
            branch = layers.norm(name, branch)
        states.append(branch)
    last = states[-1]
    if arch.norm != "none" and arch.place == "pre":
        last = layers.norm("end", last)
    return layers.head(last)


def _branch(arch: Arch, layers: Layers, name: str, x: torch.Tensor) -> torch.Tensor:
    has_norm = arch.norm != "none" and arch.place != "post"
    if arch.kind == "transformer":
        x = layers.norm(name, x) if has_norm else x
        if int(name[1:]) % 2 == 0:
            return layers.linear(f"{name}o", layers.attention(layers.linear(f"{name}q", x)))
        hidden = layers.activation(name, layers.linear(f"{name}u", x))
        return layers.linear(f"{name}d", hidden)
    if arch.place == "pre":
        x = layers.norm(name, x) if has_norm else x
        x = layers.activation(name, x)
        x = layers.mix(x) if arch.kind == "graph" else x
        return layers.linear(name, x)
    x = layers.mix(x) if arch.kind == "graph" else x
    x = layers.linear(name, x)
    x = layers.norm(name, x) if has_norm else x
    return layers.activation(name, x)
