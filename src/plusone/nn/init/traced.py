"""Branches of any model, found from one recorded forward: no names, no wrapper.

A branch is what lies between a join and the place where its skip leaves. Its last layers are those
that reach the join without another layer between.
"""

from __future__ import annotations

from torch import nn

from plusone.capture.eager import record
from plusone.capture.sandbox import sandbox
from plusone.capture.trace import Trace, ValueRef
from plusone.graph.skipgraph import Block, find_skips
from plusone.nn.init.branches import Branch
from plusone.nn.init.layers import Layer, layer_of
from plusone.target.subject import subject_of


def traced_branches(model: nn.Module, inputs: object) -> list[Branch]:
    """The branches of all residual blocks, in the order in which they run."""
    subject = subject_of(model, inputs)
    with sandbox(subject.model) as box:
        trace = record(subject.model, subject.args, subject.kwargs, box=box).trace
    graph = find_skips(trace)
    modules = dict(subject.model.named_modules())
    return [
        _branch(trace, modules, block)
        for block in graph.blocks
        if block.kind == "residual" and not block.is_composite
    ]


def _branch(trace: Trace, modules: dict[str, nn.Module], block: Block) -> Branch:
    ends = {block.entry[0]} | ({block.skip_value[0]} if block.skip_value else set())
    inside = _reached(trace, block.branches, ends, through_layers=True)
    layers: dict[str, Layer] = {}
    for op in inside:
        layers.update(_layers(trace, modules, op))
    last: dict[str, Layer] = {}
    for op in _reached(trace, block.branches, ends, through_layers=False):
        last.update(_layers(trace, modules, op))
    return Branch(name=block.name, layers=tuple(layers.values()), last=tuple(last.values()))


def _reached(
    trace: Trace, starts: tuple[ValueRef, ...], ends: set[int], *, through_layers: bool
) -> list[int]:
    """Operations from which `starts` are reached before `ends`, in order of execution.

    Without `through_layers` the search goes up to the first operation with parameters on each way
    and, at a product of two values, into the first: with both factors zero neither would learn.
    """
    seen: set[int] = set()
    waiting = [ref[0] for ref in starts]
    while waiting:
        op = waiting.pop()
        if op in seen or op in ends:
            continue
        seen.add(op)
        if trace.ops[op].params and not through_layers:
            continue
        parents = trace.ops[op].parents
        if not through_layers and trace.ops[op].name in ("mul", "mul_"):
            parents = parents[:1]
        waiting.extend(ref[0] for ref in parents)
    return sorted(seen)


def _layers(trace: Trace, modules: dict[str, nn.Module], op: int) -> dict[str, Layer]:
    found = {}
    for position in trace.ops[op].params:
        owner = trace.parameters[position].rpartition(".")[0]
        layer = layer_of(owner, modules[owner])
        if layer is not None:
            found[owner] = layer
    return found
