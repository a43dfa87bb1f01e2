"""Where a skip can leave or return: the modules of a model, as one recorded forward calls them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import torch
from torch import nn

from plusone.capture.eager import record
from plusone.capture.sandbox import sandbox
from plusone.capture.trace import Trace, ValueRef
from plusone.graph.dag import Dag, activation_graph
from plusone.graph.opkinds import TRANSPARENT, base_name
from plusone.graph.skipgraph import SkipGraph, find_skips
from plusone.target.members import modules_of
from plusone.target.subject import Subject

# Their forward reads weights of the modules inside, or hands them on to one fused operation.
_CLOSED = (
    nn.MultiheadAttention,
    nn.RNNBase,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A module that is called once, with a tensor as its first argument.

    `entry` is the value that enters it, seen through views, and `holds_all` says that nothing
    outside of the module reads it. `first` and `last` are the operations of the trace that ran
    inside, `weighted` those with weights; `shape` and `output_shape` are those of what enters and
    of the (first) tensor that leaves.
    """

    path: str
    module: nn.Module
    first: int
    last: int
    entry: ValueRef
    output: ValueRef
    holds_all: bool
    shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    weighted: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is known of a model before it is edited.

    `weighted` are the operations with weights in order, `calls` counts the calls of each module,
    `closed` are the paths inside of modules that are edited as a whole or not at all.
    """

    model: nn.Module
    trace: Trace
    graph: SkipGraph
    dag: Dag
    sites: dict[str, Site]
    weighted: tuple[int, ...]
    calls: dict[str, int]
    arguments: dict[str, tuple[object, ...]]

    def is_closed(self, path: str) -> bool:
        """Whether `path` lies inside of a module that hands its parts' weights elsewhere."""
        parents = [path[:k] for k, c in enumerate(path) if c == "."]
        return any(isinstance(self.model.get_submodule(p), _CLOSED) for p in parents)


def survey(subject: Subject) -> Survey:
    """The survey of a subject, from one forward that leaves the model as it was.

    Raises:
        CaptureError: the forward raised.
    """
    arguments: dict[str, tuple[object, ...]] = {}
    outputs: dict[str, object] = {}
    paths = {module: path for path, module in modules_of(subject.model)}

    def note(module: nn.Module, args: tuple[object, ...], output: object) -> None:
        arguments.setdefault(paths[module], tuple(_described(a) for a in args))
        outputs.setdefault(paths[module], _described(_first(output)))

    with sandbox(subject.model) as box:
        for module in subject.model.modules():
            if not isinstance(module, torch.jit.ScriptModule):
                module.register_forward_hook(note)
        trace = record(subject.model, subject.args, subject.kwargs, box=box).trace
    graph = find_skips(trace)
    weighted = tuple(i for i, op in enumerate(trace.ops) if _is_weighted(op.params, op.name))
    calls = Counter(call.path for call in trace.calls)
    sites = _sites(subject.model, trace, arguments, outputs, weighted, calls)
    return Survey(
        model=subject.model,
        trace=trace,
        graph=graph,
        dag=activation_graph(trace),
        sites=sites,
        weighted=weighted,
        calls=dict(calls),
        arguments=arguments,
    )


def _described(value: object) -> object:
    """The shape in place of a tensor, so that nothing of the forward stays alive."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape) if value.is_floating_point() else None
    if isinstance(value, tuple):
        return [_described(v) for v in value]
    return None


def _first(output: object) -> object:
    return output[0] if isinstance(output, tuple) and output else output


_PRODUCTS = ("mm", "linear", "conv", "bmm", "matmul", "lstm", "gru", "rnn", "attention", "einsum")


def _is_weighted(params: tuple[int, ...], name: str) -> bool:
    return bool(params) and any(word in name for word in _PRODUCTS)


def _sites(
    model: nn.Module,
    trace: Trace,
    arguments: dict[str, tuple[object, ...]],
    outputs: dict[str, object],
    weighted: tuple[int, ...],
    calls: Counter[str],
) -> dict[str, Site]:
    origin = _origins(trace)
    readers = _readers(trace, origin)
    found = {}
    for path, operations in _operations(trace).items():
        args, leaves = arguments.get(path, ()), outputs.get(path)
        shape = args[0] if args else None
        if not path or calls[path] != 1:
            continue
        if not isinstance(shape, tuple) or not isinstance(leaves, tuple):
            continue
        own = set(operations)
        entry = _entry(trace, operations, origin)
        if entry is None:
            continue
        found[path] = Site(
            path=path,
            module=model.get_submodule(path),
            first=operations[0],
            last=operations[-1],
            entry=entry,
            output=origin[operations[-1], 0],
            holds_all=readers[entry] <= own,
            shape=shape,
            output_shape=leaves,
            weighted=tuple(i for i in weighted if i in own),
        )
    return found


def _origins(trace: Trace) -> dict[ValueRef, ValueRef]:
    """For each value, the one that it is a view of, or itself."""
    origin: dict[ValueRef, ValueRef] = {}
    for i, op in enumerate(trace.ops):
        is_view = base_name(op.name) in TRANSPARENT and bool(op.parents) and not op.writes
        for out in range(max(len(op.shapes), 1)):
            parent = op.parents[0] if is_view else None
            origin[i, out] = (i, out) if parent is None else origin.get(parent, parent)
    return origin


def _readers(trace: Trace, origin: dict[ValueRef, ValueRef]) -> dict[ValueRef, set[int]]:
    """The operations that read a value or a view of it, views themselves left out."""
    readers: dict[ValueRef, set[int]] = defaultdict(set)
    for i, op in enumerate(trace.ops):
        if origin.get((i, 0)) == (i, 0):
            for parent in op.parents:
                readers[origin.get(parent, parent)].add(i)
    return readers


def _entry(
    trace: Trace, operations: list[int], origin: dict[ValueRef, ValueRef]
) -> ValueRef | None:
    """The one computed value that enters; an input of the model if nothing else does."""
    own, given = set(operations), set(trace.inputs)
    entering = [
        origin.get(parent, parent)
        for i in operations
        for parent in trace.ops[i].parents
        if parent[0] not in own and trace.ops[parent[0]].is_float[0]
    ]
    outside = [v for v in dict.fromkeys(entering) if v[0] not in own]
    computed = [v for v in outside if v[0] not in given and trace.ops[v[0]].parents]
    chosen = computed or outside[:1]
    return chosen[0] if len(chosen) == 1 else None


def _operations(trace: Trace) -> dict[str, list[int]]:
    """The operations that ran in each module or in those below it, by path."""
    above: list[tuple[str, ...]] = []
    for call in trace.calls:
        above.append((*(above[call.parent] if call.parent >= 0 else ()), call.path))
    inside: dict[str, list[int]] = defaultdict(list)
    for i, op in enumerate(trace.ops):
        for path in dict.fromkeys(above[op.call]):
            inside[path].append(i)
    return inside
