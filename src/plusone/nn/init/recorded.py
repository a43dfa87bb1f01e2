"""One recorded forward: which layer's parameters are read when, and what runs twice."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from plusone.capture.eager import record
from plusone.capture.sandbox import sandbox
from plusone.capture.trace import Trace
from plusone.target.subject import subject_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A trace with the modules by the paths in it.

    `last_read` is the last operation that reads a parameter of a module's own, and `read_again`
    holds the modules of whose parameters one is read in more than one call.
    """

    trace: Trace
    modules: dict[str, nn.Module]
    last_read: dict[nn.Module, int]
    read_again: frozenset[nn.Module]

    def position(self, module: nn.Module) -> int:
        """The last operation that reads a parameter of the module's own, -1 if none does."""
        return self.last_read.get(module, -1)


def recorded(model: nn.Module, inputs: object) -> Recorded:
    """One forward, which leaves the model as it was."""
    subject = subject_of(model, inputs)
    with sandbox(subject.model) as box:
        trace = record(subject.model, subject.args, subject.kwargs, box=box).trace
    modules = dict(subject.model.named_modules())
    owners = [modules[path.rpartition(".")[0]] for path in trace.parameters]
    calls: dict[int, set[int]] = {}
    for op in trace.ops:
        for position in op.params:
            calls.setdefault(position, set()).add(op.call)
    return Recorded(
        trace=trace,
        modules=modules,
        last_read={owners[p]: number for number, op in enumerate(trace.ops) for p in op.params},
        read_again=frozenset(owners[p] for p, places in calls.items() if len(places) > 1),
    )
