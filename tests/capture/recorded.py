"""Small models around one function, and short ways to what was recorded of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from plusone.capture.autograd_walk import walk
from plusone.capture.eager import Recording, record
from plusone.capture.sandbox import sandbox
from plusone.capture.trace import Trace
from plusone.graph.skipgraph import find_skips

WIDTH = 8


class Layer(nn.Module):
    """A linear map and a nonlinearity: what a branch is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.map(x).tanh()


class Net(nn.Module):
    """A model with two layers `f` and `g` whose forward is a function of it and the input."""

    def __init__(self, forward: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.f, self.g = Layer(), Layer()
        self.function = forward

    def forward(self, x: Any) -> Any:
        return self.function(self, x)


def batch(num_samples: int = 4) -> Tensor:
    """The input of a `Net`."""
    return torch.randn(num_samples, WIDTH)


def recording_of(model: nn.Module, *args: Any, **kwargs: Any) -> Recording:
    """What the recorder makes of one forward in a sandbox."""
    with sandbox(model) as box:
        return record(model, args, kwargs, box=box)


def walked(model: nn.Module, *args: Any, **kwargs: Any) -> Recording:
    """What the walk through autograd's graph makes of one forward in a sandbox."""
    with sandbox(model) as box:
        return walk(model, args, kwargs, box=box)


def trace_of(forward: Callable[[Any, Any], Any], x: Any = None) -> Trace:
    """The recorded trace of a `Net` with this forward."""
    return recording_of(Net(forward), batch() if x is None else x).trace


def names(trace: Trace) -> list[str]:
    """The operations in order, without inputs."""
    return [op.name for op in trace.ops if op.name != "input"]


def skips(trace: Trace) -> Counter[tuple[str, str]]:
    """How many skips of each kind end in each module."""
    return Counter((skip.kind, skip.module) for skip in find_skips(trace).skips)


def kinds(trace: Trace) -> list[str]:
    """The kinds of all skips, in alphabetical order."""
    return sorted(skip.kind for skip in find_skips(trace).skips)
