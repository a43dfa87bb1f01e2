"""The recorder: every operation of one eager forward, below autograd, with its owner module.

A `TorchDispatchMode` sees each ATen operation after autograd and autocast have done their part,
whatever Python code led to it. A value is identified by its storage and its place in it, never
by the identity of a Python object, which views lose. In-place operations make a new value, as
functionalisation does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from plusone.capture.factors import SUM_FACTORS
from plusone.capture.ready import calls_of_modules
from plusone.capture.trace import Call, Op, ValueRef
from plusone.target.members import modules_of, parameters_in


class Observer(Protocol):
    """What reads activations while they are there: raw tensors, below autograd."""

    def reset(self) -> None:
        """Forget everything: the forward begins, perhaps after an attempt that failed."""

    def before(
        self, name: str, values: Sequence[ValueRef], operands: Sequence[torch.Tensor]
    ) -> None:
        """Called before an operation with the recorded values that it reads."""

    def writing(self, tensors: Sequence[torch.Tensor]) -> None:
        """Called before an operation with the tensors that it writes into."""

    def after(self, number: int, name: str, outputs: Sequence[torch.Tensor]) -> None:
        """Called after operation `number` with what it made."""


# The number that autograd gives to the next node; private, so its absence only loses the links.
_next_sequence = getattr(torch._C._autograd, "_get_sequence_nr", lambda: 0)
_OVERWRITING = frozenset(
    ["copy_", "zero_", "fill_", "normal_", "uniform_", "bernoulli_", "exponential_", "random_"]
)
_ITEM = torch.ops.aten._local_scalar_dense.default
_DETACH = torch.ops.aten.detach.default
_SEQUENCES = (list, tuple)  # a union of types is several times slower to ask
# Whether something is a tensor is a slow question; these are asked most often, and are none.
_PLAIN = frozenset([int, float, bool, str, type(None), torch.dtype, torch.device, torch.layout])
_JOINING = frozenset(["cat", "concat", "stack", "hstack", "vstack"])
RECURRENT = (nn.RNNBase, nn.RNNCellBase)


_Factors = Callable[
    [tuple[Any, ...], dict[str, Any] | None, Sequence[torch.Tensor]], tuple[float, ...]
]


class _Schema(NamedTuple):
    """`written` are the arguments written into; of these, `outs` are but places for the result.

    `overwrites` says that what was in the first argument before does not count.
    """

    name: str
    writes: bool
    written: tuple[int | str, ...]
    outs: frozenset[str]
    overwrites: bool
    factors: _Factors | None
    joins: bool


class _Place:
    """What is known of one storage: the value at each view of it, and the last full write."""

    __slots__ = ("base", "ref", "views")

    def __init__(self, ref: object) -> None:
        self.ref = ref
        self.base: ValueRef | None = None
        self.views: dict[tuple[Any, ...], ValueRef] = {}


class Recorder(TorchDispatchMode):
    """Records the operations that run while it is active.

    `before_write` is called with a tensor that the operation is about to change; `observe` sees
    the operands and results of each operation that reads recorded values.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        before_write: Callable[[torch.Tensor], None] | None = None,
        observe: Observer | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ops: list[Op] = []
        is_recurrent = isinstance(model, RECURRENT)
        self.calls: list[Call] = [Call("", type(model).__name__, -1, 0, is_recurrent)]
        self.parameters: list[str] = []
        self._stack = [0]
        self._counts: dict[str, int] = {}
        self._paths: dict[int, str] = {}
        modules = modules_of(model)
        for path, module in modules:
            self._paths.setdefault(id(module), path)
        self._root = id(model)
        self._storages: dict[int, _Place] = {}
        self._params: dict[int, int] = {}  # by storage, for views
        self._leaves: dict[int, int] = {}  # by identity, which is quicker to ask
        self._schemas: dict[Any, _Schema] = {}
        self._before_write = before_write
        self._observe = observe
        self.num_parameters = self.num_guessed = 0
        for name, parameter in parameters_in(modules):
            self.num_parameters += parameter.numel()
            self._params[self._cdata(parameter)] = len(self.parameters)
            self._leaves[id(parameter)] = len(self.parameters)
            self.parameters.append(name)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # torch would wrap every dispatch in `torch._dynamo.disable`, which costs 4 us an operation
        # and a second to import. Nothing compiles while a recorder is active.
        return False

    def add_input(self, tensor: torch.Tensor) -> int:
        """The number of a new source operation that stands for the input `tensor`."""
        number = len(self.ops)
        shapes, is_float = (tuple(tensor.shape),), (_is_real(tensor),)
        self.ops.append(Op("input", (), (), 0, shapes, is_float, -1, False, False))
        self._make(tensor, (number, 0), self._cdata(tensor))
        return number

    def value_of(self, tensor: torch.Tensor) -> ValueRef | None:
        """The recorded value that `tensor` holds now, or None."""
        place = self._storages.get(self._cdata(tensor))
        if place is None:
            return None
        return place.views.get(self._view(tensor), place.base)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is _DETACH and self._has_place(args[0]):
            return func(*args)  # the same value; autograd does this to each result that it saves
        schema = self._schemas.get(func)
        if schema is None:
            schema = self._schemas[func] = _read_schema(func)
        operands = _tensors(args[1:] if schema.overwrites else args, kwargs, schema.outs)
        parents, params, read = self._reads(operands)
        if self._observe is not None and len(parents) > 1:
            self._observe.before(schema.name, parents, read)
        written = _written(schema, args, kwargs) if schema.writes else []
        if written and self._observe is not None:
            self._observe.writing(written)
        if self._before_write is not None:
            for tensor in written:
                self._before_write(tensor)
        sequence = _next_sequence() - 1
        if func is _ITEM and args[0].is_meta:
            # A data-dependent question that the meta device cannot answer: take the plain branch.
            result = torch.zeros((), dtype=args[0].dtype, device="cpu").item()
            self.num_guessed += 1
        else:
            result = func(*args, **kwargs) if kwargs else func(*args)
        outputs = _tensors(result if isinstance(result, _SEQUENCES) else (result,)) or written
        if not outputs:
            return result
        if not (parents or params or schema.overwrites or _is_real(outputs[0])):
            return result  # a constant of whole numbers, as of batch norms that count their batches
        number = len(self.ops)
        partial = self._write(written, outputs, number, parents)
        self.ops.append(
            Op(
                schema.name,
                tuple(parents),
                tuple(params),
                self._stack[-1],
                tuple([tuple(t.shape) for t in outputs]),
                tuple([_is_real(t) for t in outputs]),
                sequence,
                schema.writes,
                partial,
                schema.factors(args, kwargs, read) if schema.factors is not None else (),
                _axis(args, kwargs, outputs[0]) if schema.joins else -1,
            )
        )
        if self._observe is not None and parents:
            self._observe.after(number, schema.name, outputs)
        return result

    def _reads(
        self, operands: list[torch.Tensor]
    ) -> tuple[list[ValueRef], list[int], list[torch.Tensor]]:
        parents: list[ValueRef] = []
        params: list[int] = []
        read: list[torch.Tensor] = []
        for tensor in operands:
            if (leaf := self._leaves.get(id(tensor))) is not None:
                params.append(leaf)
                continue
            key = self._cdata(tensor)
            place = self._storages.get(key)
            if place is not None:
                value = place.views.get(self._view(tensor), place.base)
                if value is not None:
                    parents.append(value)
                    read.append(tensor)
            elif key in self._params:
                params.append(self._params[key])
        return parents, params, read

    def _write(
        self,
        written: list[torch.Tensor],
        outputs: list[torch.Tensor],
        number: int,
        parents: list[ValueRef],
    ) -> bool:
        """Enter the outputs of operation `number`; returns whether it was a partial write."""
        partial = False
        for i, tensor in enumerate(outputs):
            key = self._cdata(tensor)
            place = self._storages.get(key)
            if place is None:
                if key not in self._params:
                    self._make(tensor, (number, i), key)
            elif any(tensor is target for target in written):
                if tensor.numel() * tensor.element_size() < _num_bytes(tensor):
                    partial = True
                    if place.base is not None and place.base not in parents:
                        parents.append(place.base)
                place.base = (number, i)
                place.views = {self._view(tensor): (number, i)}
            else:
                # An alias of the same view (a detach, also autograd's own) is the same value.
                place.views.setdefault(self._view(tensor), (number, i))
        return partial

    def _make(self, tensor: torch.Tensor, value: ValueRef, key: int) -> None:
        try:
            # A weak reference keeps the address from being used again, but frees the memory.
            place = _Place(StorageWeakRef(tensor.untyped_storage()))
        except (NotImplementedError, RuntimeError):
            place = _Place(tensor)
        place.base = value
        place.views[self._view(tensor)] = value
        self._storages[key] = place

    def _has_place(self, tensor: torch.Tensor) -> bool:
        key = self._cdata(tensor)
        return (key in self._storages or key in self._params) and key != id(tensor)

    @staticmethod
    def _cdata(tensor: torch.Tensor) -> int:
        try:
            return int(tensor.untyped_storage()._cdata)
        except (NotImplementedError, RuntimeError):
            return id(tensor)

    @staticmethod
    def _view(tensor: torch.Tensor) -> tuple[Any, ...]:
        try:
            return tensor.storage_offset(), tensor.shape, tensor.stride()
        except (NotImplementedError, RuntimeError):
            return ()

    def owners(self) -> AbstractContextManager[None]:
        """A context in which calls of modules are entered as the owners of operations."""
        return calls_of_modules(self._enter, self._leave)

    def _enter(self, module: nn.Module, args: Any) -> None:
        if id(module) == self._root and len(self._stack) == 1:
            self._stack.append(0)
            return
        parent = self._stack[-1]
        path = self._paths.get(id(module), self.calls[parent].path)
        count = self._counts.get(path, 0)
        self._counts[path] = count + 1
        recurrent = self.calls[parent].is_recurrent or isinstance(module, RECURRENT)
        self._stack.append(len(self.calls))
        self.calls.append(Call(path, type(module).__name__, parent, count, recurrent))

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        if len(self._stack) > 1:
            self._stack.pop()


def _read_schema(func: Any) -> _Schema:
    schema = func._schema
    written: list[int | str] = []
    for i, argument in enumerate(schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            written.append(argument.name if argument.kwarg_only else i)
    name = schema.name.split("::")[-1]
    return _Schema(
        name,
        bool(written),
        tuple(written),
        frozenset(place for place in written if isinstance(place, str)),
        name in _OVERWRITING,
        SUM_FACTORS.get(name.rstrip("_")),
        name in _JOINING,
    )


def _written(
    schema: _Schema, args: tuple[Any, ...], kwargs: dict[str, Any] | None
) -> list[torch.Tensor]:
    return _tensors([_argument(args, kwargs, place) for place in schema.written])


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any] | None, place: int | str) -> Any:
    if isinstance(place, int):
        return args[place] if place < len(args) else None
    return kwargs.get(place) if kwargs else None


def _tensors(
    args: Sequence[Any], kwargs: dict[str, Any] | None = None, outs: frozenset[str] = frozenset()
) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for arg in args:
        if type(arg) in _PLAIN:
            continue
        if isinstance(arg, torch.Tensor):
            found.append(arg)
        elif isinstance(arg, _SEQUENCES):
            found.extend([t for t in arg if _is_tensor(t)])
    if kwargs:
        found.extend([t for k, t in kwargs.items() if _is_tensor(t) and k not in outs])
    return found


def _is_tensor(arg: object) -> bool:
    return type(arg) not in _PLAIN and isinstance(arg, torch.Tensor)


def _is_real(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _axis(args: tuple[Any, ...], kwargs: dict[str, Any] | None, output: torch.Tensor) -> int:
    axis = _argument(args, kwargs, 1) or (kwargs or {}).get("dim", 0)
    return int(axis) % max(output.dim(), 1)


def _num_bytes(tensor: torch.Tensor) -> int:
    try:
        return tensor.untyped_storage().nbytes()
    except (NotImplementedError, RuntimeError):
        return 0
