"""Short ways to a recording, a graph and a linearisation of a small model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plusone.capture.eager import Recording, batch_size, record
from plusone.capture.sandbox import Sandbox, sandbox
from plusone.capture.trace import ValueRef
from plusone.graph.skipgraph import SkipGraph, find_skips
from plusone.probe.linearise import Linearisation, linearise
from plusone.probe.moments import mean_square
from plusone.probe.signal import SignalObserver


class Function(nn.Module):
    """A function of one tensor as a model, with the modules that it uses."""

    def __init__(self, function: Callable[..., Tensor], *modules: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(modules)
        self.function = function

    def forward(self, *args: Tensor) -> Tensor:
        return self.function(*args)


@dataclass(frozen=True)
class Observed:
    """A recording with what the observer read, and the sandbox that is still open."""

    model: nn.Module
    args: tuple[Tensor, ...]
    recording: Recording
    signal: SignalObserver
    graph: SkipGraph
    box: Sandbox

    def value(self, name: str, turn: int = 0, out: int = 0) -> ValueRef:
        """The value that the operation of that name made at its `turn`th run."""
        found = [i for i, op in enumerate(self.recording.trace.ops) if op.name == name]
        return found[turn], out

    def linearised(self, samples: int) -> Linearisation:
        """The second forward, between the graph's first and last values."""
        assert self.graph.first is not None
        assert self.graph.last is not None
        trace = self.recording.trace
        return linearise(
            self.model,
            self.args,
            {},
            box=self.box,
            trace=trace,
            statistics=self.signal.statistics(trace),
            samples=samples,
            probe=(self.graph.first, self.graph.last),
            squares=tuple(mean_square(t, trace.batch) for t in self.recording.outputs),
        )


@contextmanager
def observed(model: nn.Module, *args: Tensor) -> Iterator[Observed]:
    """One observed forward of `model` inside a sandbox."""
    with sandbox(model) as box:
        signal = SignalObserver(batch_size(args, {}))
        recording = record(model, args, {}, box=box, observe=signal)
        graph = find_skips(recording.trace)
        yield Observed(model, args, recording, signal, graph, box)


def linear(
    width: int, outputs: int | None = None, *, dtype: torch.dtype = torch.float64
) -> nn.Linear:
    """A linear layer of the given width, in float64 unless told otherwise."""
    return nn.Linear(width, outputs or width, dtype=dtype)
