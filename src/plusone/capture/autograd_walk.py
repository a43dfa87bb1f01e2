"""A second capture, from autograd's graph alone: what to fall back on, and what to compare with.

The model runs plainly, without a dispatch mode. Hooks around each module note how far autograd's
numbering has come, so that every node of the graph has an owner; then the graph is walked from the
outputs down. It knows less than the recorder, and none of what it does not know raises:

- what ran without gradients (`no_grad`, `detach`, `.data`, a reentrant checkpoint) is not there;
- the inside of a custom `autograd.Function` is one operation under the function's own name;
- whole numbers carry no gradient: the indices of an embedding are taken for those inputs that
  share their memory, or else their shape; other paths of whole numbers are not there;
- of a write through a view, autograd tells only that there was one: it is a `copy_` into a part,
  or `add_` or `sub_` where the gradient shows that what was there before stays in the sum.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from heapq import heapify, heappop, heappush
from typing import Any

import torch
from torch import nn
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge

from plusone.capture.autograd_nodes import (
    WRITE,
    axis_of,
    factors_of,
    name_of,
    outputs_of,
    sequence_of,
    views_of_all,
    write_of,
)
from plusone.capture.eager import Recording, _outputs, batch_size
from plusone.capture.ready import calls_of_modules, ready_inputs
from plusone.capture.recorder import RECURRENT
from plusone.capture.sandbox import Sandbox
from plusone.capture.trace import Call, Op, Trace, ValueRef

# Their results lie in the memory of their operand: a view of a parameter is a parameter.
_VIEWS = frozenset(
    [
        "alias",
        "t",
        "transpose",
        "permute",
        "view",
        "_unsafe_view",
        "_reshape_alias",
        "as_strided",
        "expand",
        "squeeze",
        "unsqueeze",
        "select",
        "slice",
        "split",
        "split_with_sizes",
        "unbind",
        "diagonal",
        "unfold",
        "view_as_real",
        "view_as_complex",
    ]
)


def walk(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    box: Sandbox | None = None,
) -> Recording:
    """The recording of one plain forward of `model`, as far as autograd knows of it.

    Inputs and frozen parameters take gradients during the forward, so that they are seen. A model
    that refuses such inputs gets plain ones, which are seen only where it lets them take gradients
    itself. Whatever else the forward raises goes through. Cost: two hooks a module, and the walk.
    """
    if box is not None:
        box.save_all()  # without a dispatch mode, no write is announced
    try:
        return _walk(model, args, kwargs, wants_grad=True)
    except RuntimeError as error:
        if "requires grad" not in str(error) and "requires_grad" not in str(error):
            raise
    if box is not None:
        box.restore_contents()
        box.restore_random_state()
    return _walk(model, args, kwargs, wants_grad=False)


def _walk(
    model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], *, wants_grad: bool
) -> Recording:
    args, kwargs, sources, leaves = ready_inputs(args, kwargs, wants_grad=wants_grad)
    edges = {n: get_gradient_edge(t) for n, t in enumerate(sources) if t.requires_grad}
    owners = _Owners(model)
    with owners.noted(), _parameters_take_gradients(model):
        result = model(*args, **kwargs)
    tensors, loss = _outputs(result)
    graph = _Graph(model, owners, sources, edges)
    graph.grow([t for t in (*tensors, loss) if t is not None])
    outputs = [(graph.value_of(t), t) for t in tensors]
    known = [(value, t) for value, t in outputs if value is not None]
    trace = Trace(
        ops=tuple(graph.ops),
        calls=tuple(owners.calls),
        parameters=tuple(graph.parameters),
        inputs=tuple(range(len(sources))),
        outputs=tuple(value for value, _ in known),
        batch=batch_size(args, kwargs),
        num_parameters=sum(p.numel() for p in model.parameters()),
    )
    return Recording(
        trace=trace,
        outputs=tuple(t for _, t in known),
        leaves=tuple(leaves),
        input_edges=edges,
        loss=loss,
        result=result,
        is_walked=True,
    )


@contextmanager
def _parameters_take_gradients(model: nn.Module) -> Iterator[None]:
    frozen = [p for p in model.parameters() if not p.requires_grad and p.is_floating_point()]
    try:
        for parameter in frozen:
            parameter.requires_grad_()
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)


class _Owners:
    """The calls of modules, and from which number of autograd on each of them is running."""

    def __init__(self, model: nn.Module) -> None:
        self.calls = [Call("", type(model).__name__, -1, 0, isinstance(model, RECURRENT))]
        self._paths = {id(m): path for path, m in model.named_modules()}
        self._root = id(model)
        self._turns: dict[str, int] = {}
        self._running = [(0, 0)]  # the modules that run, by identity, and their calls
        self._since: list[int] = [0]
        self._changes: list[int] = [0]

    def of(self, sequence: int) -> int:
        """The call that was running when autograd gave out this number."""
        return self._changes[bisect_right(self._since, sequence) - 1]

    def noted(self) -> AbstractContextManager[None]:
        """A context in which the calls of modules are noted."""
        return calls_of_modules(self._enter, self._leave)

    def _enter(self, module: nn.Module, args: Any) -> None:
        number = self._running[-1][1]
        parent = self.calls[number]
        if id(module) == self._root and len(self._running) == 1:
            self._start(module, 0)
            return
        path = self._paths.get(id(module), parent.path)
        turn = self._turns.get(path, 0)
        self._turns[path] = turn + 1
        recurrent = parent.is_recurrent or isinstance(module, nn.RNNBase | nn.RNNCellBase)
        self.calls.append(Call(path, type(module).__name__, number, turn, recurrent))
        self._start(module, len(self.calls) - 1)

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        if self._running[-1][0] == id(module):  # or it was left before it was entered
            self._running.pop()
            self._note(self._running[-1][1])

    def _start(self, module: nn.Module, call: int) -> None:
        self._running.append((id(module), call))
        self._note(call)

    def _note(self, call: int) -> None:
        self._since.append(torch._C._autograd._get_sequence_nr())
        self._changes.append(call)


class _Graph:
    """Autograd's nodes as operations, in the order of their numbers."""

    def __init__(
        self,
        model: nn.Module,
        owners: _Owners,
        sources: Sequence[torch.Tensor],
        edges: dict[int, GradientEdge],
    ) -> None:
        self.ops: list[Op] = [_input(t) for t in sources]
        self.parameters = [name for name, _ in model.named_parameters()]
        self._owners = owners
        self._positions = {id(p): i for i, p in enumerate(model.parameters())}
        self._plain = [(n, t) for n, t in enumerate(sources) if n not in edges]
        self._numbers: dict[Node, int] = {edge.node: n for n, edge in edges.items()}
        self._params: dict[Node, tuple[int, ...]] = {}
        self._views: dict[Node, tuple[int, ...]] = {}

    def value_of(self, tensor: torch.Tensor) -> ValueRef | None:
        """The value that `tensor` holds, or None where no gradient leads to it."""
        if not tensor.requires_grad:
            return None
        edge = get_gradient_edge(tensor)
        number = self._numbers.get(edge.node)
        return (number, edge.output_nr) if number is not None else None

    def grow(self, roots: Iterable[torch.Tensor]) -> None:
        """Enter everything that the roots were made from, down to inputs and parameters."""
        nodes: list[Node] = []
        pending = [get_gradient_edge(t).node for t in roots if t.requires_grad]
        seen = {*self._numbers}
        while pending:
            node = pending.pop()
            if node in seen:
                continue
            seen.add(node)
            variable = getattr(node, "variable", None)
            if variable is not None:
                self._enter_leaf(node, variable)
                continue
            nodes.append(node)
            pending.extend([below for below, _ in node.next_functions if below is not None])
        self._views |= views_of_all(nodes)
        for node in _ordered(nodes):
            self._enter(node)

    def _enter_leaf(self, node: Node, variable: torch.Tensor) -> None:
        position = self._positions.get(id(variable))
        if position is not None:
            self._params[node] = (position,)
        else:
            for number in self._inputs_at(variable)[:1]:
                self._numbers[node] = number

    def _enter(self, node: Node) -> None:
        name = name_of(node)
        reads = [
            (self._value(below, out), self._param(below)) for below, out in node.next_functions
        ]
        if name == "copy":
            reads = reads[1:]  # of what is written over, nothing is left
        parents = [value for value, _ in reads if value is not None]
        params = tuple(p for _, positions in reads for p in positions)
        if name in _VIEWS and params and not parents:
            self._params[node] = params
            return
        if name in ("embedding", "_embedding_bag"):
            parents += self._indices(node)
        call, (shapes, is_float) = self._owners.of(sequence_of(node)), outputs_of(node)
        is_partial = False
        if name == WRITE:
            name, view = write_of(node, self._views.get(node))
            is_partial = view is None
            if is_partial and reads[0][0] is not None:
                parents = [*parents[1:], parents[0]]  # the former value comes last
            elif view not in (None, shapes[0]):
                shapes = (view,)
                self.ops.append(_view_of(parents[0], view, call))
                parents[0] = (len(self.ops) - 1, 0)
        self._numbers[node] = len(self.ops)
        self.ops.append(
            Op(
                name,
                tuple(parents),
                params,
                call,
                shapes,
                is_float,
                sequence_of(node),
                name.endswith("_"),
                is_partial,
                factors_of(node, name, [value is not None for value, _ in reads]),
                axis_of(node, len(shapes[0])) if name in ("cat", "stack") else -1,
            )
        )

    def _value(self, node: Node | None, out: int) -> ValueRef | None:
        number = self._numbers.get(node) if node is not None else None
        return (number, out) if number is not None else None

    def _param(self, node: Node | None) -> tuple[int, ...]:
        return self._params.get(node, ()) if node is not None else ()

    def _indices(self, node: Node) -> list[ValueRef]:
        """The inputs of whole numbers that an embedding was looked up with."""
        indices = None
        with contextlib.suppress(RuntimeError):
            indices = getattr(node, "_saved_indices", None)
        if not isinstance(indices, torch.Tensor):
            return []
        alike = [n for n, t in self._plain if t.shape == indices.shape]
        return [(n, 0) for n in (self._inputs_at(indices) or alike)[:1]]

    def _inputs_at(self, tensor: torch.Tensor) -> list[int]:
        """The inputs without gradients whose memory `tensor` looks at."""
        place = tensor.untyped_storage()._cdata
        return [n for n, t in self._plain if t.untyped_storage()._cdata == place]


def _ordered(nodes: Sequence[Node]) -> Iterator[Node]:
    """The nodes by their numbers, but each after all that it reads.

    A view whose base was written into is derived anew when it is read, and so numbered late.
    """
    known = set(nodes)
    waits: dict[Node, int] = {}
    readers: dict[Node, list[Node]] = {node: [] for node in nodes}
    for node in nodes:
        reads = {below for below, _ in node.next_functions if below in known}
        waits[node] = len(reads)
        for below in reads:
            readers[below].append(node)
    ready = [(sequence_of(node), id(node), node) for node in nodes if not waits[node]]
    heapify(ready)
    while ready:
        node = heappop(ready)[-1]
        yield node
        for reader in readers[node]:
            waits[reader] -= 1
            if not waits[reader]:
                heappush(ready, (sequence_of(reader), id(reader), reader))


def _input(tensor: torch.Tensor) -> Op:
    is_float = tensor.is_floating_point() or tensor.is_complex()
    return Op("input", (), (), 0, (tuple(tensor.shape),), (is_float,), -1, False, False)


def _view_of(value: ValueRef, shape: tuple[int, ...], call: int) -> Op:
    """The view that a write went through, which autograd does not number."""
    return Op("view", (value,), (), call, (shape,), (True,), -1, False, False)
