"""Leave the user's model as it was found: snapshot on entry, bitwise restoration on exit.

The snapshot is made of references: which objects the model held, and at which place. It follows
attributes through modules, containers and the user's own objects, wherever they lead, but not
into objects of the standard library. Only what is small, or is about to be written, is copied.
"""

from __future__ import annotations

import enum
import random
import sys
from collections import OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from operator import attrgetter, is_
from types import MemberDescriptorType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.modules import module as module_hooks
from torch.nn.modules.batchnorm import _BatchNorm

# A write that no recorder sees (NumPy's, or batch norm's into its statistics, which its schema
# hides) can be undone only with a copy made beforehand: of buffers, and of what is small.
_SMALL, _SMALL_BUFFER, _SMALL_ARRAY = 1 << 16, 1 << 20, 1 << 26
# Longer containers are put back as they were, but their elements are not looked at.
_LONG = 10_000


class Sandbox:
    """The snapshot of one model: attributes, flags, hooks, tensors, settings and random state.

    Parameters are large and hardly ever written by a forward, so they are copied when a recorded
    operation is about to write into one (`before_write`); `save_all` copies them where nothing
    records. What stands in a large NumPy array is not put back, nor are attributes of classes
    and the inside of scripted modules, except for their tensors and training flags.
    """

    def __init__(self, model: nn.Module) -> None:
        self._settings = [(put, get()) for get, put in _SETTINGS]
        self._random = _random_state()
        self._tensors = _Tensors()
        self._objects = _Objects(self._tensors)
        self._objects.look_through([model, *_surroundings()])

    def before_write(self, tensor: torch.Tensor) -> None:
        """Copy what the model holds in the storage of `tensor`, which is about to be written."""
        self._tensors.save(_storage_key(tensor))

    def save_all(self) -> None:
        """Copy every tensor of the model, for a run whose writes nobody announces."""
        self._tensors.save_all()

    def restore_random_state(self) -> None:
        """Set every random generator back to where it was on entry."""
        _set_random_state(self._random)

    def restore_contents(self) -> None:
        """Let the next forward start from where the first did.

        Puts back what a forward may change: attributes, containers, the contents of tensors. What
        plusone sets on purpose stays: training flags, `requires_grad`, frozen batch norms.
        """
        self._objects.restore(at_end=False)
        self._tensors.restore(at_end=False)

    def restore(self) -> None:
        """Put everything back; called on exit, also after an exception."""
        try:
            self._restore()
        except BaseException:
            self._restore()  # Ctrl-C came in between: what is back already stays
            raise

    def _restore(self) -> None:
        self._objects.restore(at_end=True)
        self._tensors.restore(at_end=True)
        for put, value in self._settings:
            put(value)
        self.restore_random_state()


@contextmanager
def sandbox(model: nn.Module) -> Iterator[Sandbox]:
    """A context in which `model` may be run and probed; on exit it is bitwise as on entry.

    Restores parameters, buffers, `.grad`, `requires_grad`, training flags, hooks, plain
    attributes of every module and what they hold, and the random state of torch, NumPy and
    Python, also when an exception leaves the context. Compiled modules run eagerly inside, and
    gradients are enabled.

    Cost: below 1 microsecond for each attribute of a module, and one copy of the buffers.
    """
    with torch.inference_mode(False), torch.enable_grad():
        box = Sandbox(model)
        try:
            torch.backends.mha.set_fastpath_enabled(False)
            with _eager():
                yield box
        finally:
            box.restore()


def _eager() -> AbstractContextManager[object]:
    # Whatever is compiled was compiled by Dynamo, whose import takes a second otherwise.
    if "torch._dynamo" in sys.modules:
        stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
        return stance
    return nullcontext()


class _Mapping(NamedTuple):
    content: dict[Any, Any]
    keys: list[Any]
    values: list[Any]
    at_end: bool  # plusone itself changes it until the end


class _Objects:
    """The Python objects that were reached, with what is needed to put them back."""

    def __init__(self, tensors: _Tensors) -> None:
        self._tensors = tensors
        self._mappings: list[_Mapping] = []
        self._sequences: list[tuple[Any, list[Any]]] = []
        self._empty: list[Any] = []
        self._states: list[tuple[Callable[[Any], object], Any]] = []
        self._classes: list[tuple[nn.Module, type]] = []
        self._scripts: list[tuple[torch.jit.ScriptModule, bool]] = []
        self._seen: set[int] = set()
        self._pending: list[Any] = []
        self._readers: dict[type, Callable[[Any], None] | None] = {}
        self._slots: dict[type, list[Any]] = {}

    def look_through(self, roots: Iterable[object]) -> None:
        """Note everything that the roots lead to. Cost: linear in the number of references."""
        self._follow(roots)
        pending, readers = self._pending, self._readers
        while pending:
            item = pending.pop()
            read = readers[type(item)]
            assert read is not None
            read(item)

    def restore(self, *, at_end: bool) -> None:
        """Put everything back, or (before the end) all but what plusone sets on purpose."""
        if at_end:
            self._restore_modules()
        for mapping in self._mappings:
            keys, values = _entries(mapping.content)
            if _same(values, mapping.values) and _same(keys, mapping.keys):
                continue
            if at_end or not mapping.at_end:
                _refill(mapping, keep=() if at_end else ("training", "forward"))
        for sequence, values in self._sequences:
            if not _same(list(sequence), values):
                _refill_sequence(sequence, values)
        if any(self._empty):
            for container in self._empty:
                container.clear()
        for put, state in self._states:
            put(state)

    def _restore_modules(self) -> None:
        for module, cls in self._classes:
            if type(module) is not cls:
                object.__setattr__(module, "__class__", cls)
        for script, training in self._scripts:
            script.training = training

    def _follow(self, values: Iterable[Any]) -> None:
        readers, seen = self._readers, self._seen
        for value in values:
            cls = type(value)
            if cls in _ATOMS:
                continue
            if cls in _CONTAINERS and not value:
                self._empty.append(value)
                continue
            if id(value) in seen:
                continue
            seen.add(id(value))
            if cls not in readers:
                readers[cls] = self._reader(cls)
            if readers[cls] is not None:
                self._pending.append(value)

    def _reader(self, cls: type) -> Callable[[Any], None] | None:
        table: tuple[tuple[Any, Callable[[Any], None]], ...] = (
            (torch.jit.ScriptModule, self._script),
            (nn.Module, self._module),
            (torch.Tensor, self._tensor),
            (dict, self._dictionary),
            ((list, set, deque), self._sequence),
            ((tuple, frozenset), self._follow),
            (np.ndarray, self._array),
            (tuple(_GENERATORS), self._generator),
        )
        for kinds, reader in table:
            if issubclass(cls, kinds):
                return reader
        return None if _is_opaque(cls) else self._object

    def _module(self, module: nn.Module) -> None:
        # A batch norm that is frozen gets other buffers, until the end.
        is_norm = isinstance(module, _BatchNorm)
        buffers = module._buffers
        if buffers:
            self._seen.add(id(buffers))
            self._mappings.append(_Mapping(buffers, *_entries(buffers), is_norm))
            for buffer in buffers.values():
                if buffer is not None and id(buffer) not in self._seen:
                    self._seen.add(id(buffer))
                    self._tensor(buffer, small=_SMALL_BUFFER)
        self._object(module, at_end=is_norm)
        self._classes.append((module, type(module)))

    def _script(self, module: torch.jit.ScriptModule) -> None:
        # What it holds lies in C++, out of which its Python attributes are made when asked for.
        for buffer in module.buffers(recurse=False):
            self._tensor(buffer, small=_SMALL_BUFFER)
        hooks = [value for key, value in module.__dict__.items() if "hooks" in key]
        self._follow([*module.parameters(recurse=False), *module.children(), *hooks])
        self._scripts.append((module, module.training))

    def _object(self, item: object, at_end: bool = False) -> None:
        content = getattr(item, "__dict__", None)
        if type(content) is dict:
            self._dictionary(content, at_end)
        cls = type(item)
        if cls not in self._slots:
            self._slots[cls] = _slots(cls)
        for member in self._slots[cls]:
            value = _slot(member, item)
            self._states.append((partial(_set_slot, member, item), value))
            self._follow([value])

    def _dictionary(self, content: dict[Any, Any], at_end: bool = False) -> None:
        keys, values = _entries(content)
        self._mappings.append(_Mapping(content, keys, values, at_end))
        if len(values) <= _LONG or isinstance(values[0], nn.Module):
            self._follow(values)

    def _sequence(self, sequence: Any) -> None:
        values = list(sequence)
        self._sequences.append((sequence, values))
        if len(values) <= _LONG:
            self._follow(values)

    def _array(self, array: np.ndarray[Any, Any]) -> None:
        if array.flags.writeable and array.nbytes <= _SMALL_ARRAY:
            self._states.append((partial(np.copyto, array), array.copy()))

    def _generator(self, generator: Any) -> None:
        get, put = next(v for cls, v in _GENERATORS.items() if isinstance(generator, cls))
        self._states.append((partial(put, generator), get(generator)))

    def _tensor(self, tensor: torch.Tensor, small: int = _SMALL) -> None:
        state = self._tensors.add(tensor, small)
        self._follow([*state.flags, tensor.__dict__])


class _TensorState(NamedTuple):
    tensor: torch.Tensor
    alias: torch.Tensor
    flags: tuple[Any, ...]
    version: int


# What a tensor has beside its numbers; its gradient and its hooks may change too.
_FLAGS = ("requires_grad", "grad", "_backward_hooks", "_post_accumulate_grad_hooks")
_flags = attrgetter(*_FLAGS)


class _Tensors:
    """Tensors with the memory that they lie in, and copies of what it holds."""

    def __init__(self) -> None:
        self._states: list[_TensorState] = []
        self._by_storage: dict[int, list[torch.Tensor]] = {}
        self._contents: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def add(self, tensor: torch.Tensor, small: int) -> _TensorState:
        """The state of `tensor`, whose content is copied now if it has at most `small` bytes."""
        alias = tensor.data  # the same memory, with a version counter of its own
        state = _TensorState(
            tensor,
            alias,
            _flags(tensor) if tensor.is_leaf else (),
            -1 if tensor.is_inference() else tensor._version,
        )
        self._states.append(state)
        for part in _parts(alias):
            self._by_storage.setdefault(_storage_key(part), []).append(part)
            if part.nbytes <= small:
                self._save(part)
        return state

    def save(self, storage: int) -> None:
        """Copy what lies in one storage, unless that was done before."""
        for part in self._by_storage.get(storage, ()):
            self._save(part)

    def save_all(self) -> None:
        """Copy everything that was not copied before."""
        for storage in self._by_storage:
            self.save(storage)

    def restore(self, *, at_end: bool) -> None:
        """Put memory and contents back; at the end also flags, gradients, hooks and versions."""
        for tensor, alias, flags, _ in self._states:
            if not _lies_at(tensor, alias):
                tensor.data = alias
            if at_end and flags and not all(map(is_, _flags(tensor), flags)):
                _restore_flags(tensor, flags)
        for part, content in self._contents.values():
            part.copy_(content)
        if at_end and _set_versions is not None:
            moved = [s for s in self._states if 0 <= s.version != s.tensor._version]
            _set_versions([s.tensor for s in moved], [s.version for s in moved])

    def _save(self, part: torch.Tensor) -> None:
        if id(part) not in self._contents and not part.is_meta:
            self._contents[id(part)] = (part, part.clone())


# With its version put back too, a graph that the user built before still runs backward. Private:
# without it, autograd refuses such a graph if the forward wrote into a buffer that it needs.
_set_versions = getattr(torch._C._autograd, "_unsafe_set_version_counter", None)


def _parts(alias: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The dense memory of a tensor: itself, all of its storage, or what a sparse one is made of."""
    if alias.layout is torch.strided:
        # An expanded tensor cannot be written into, but the storage below it can.
        expanded = 0 in alias.stride()
        return (alias.new_empty(0).set_(alias.untyped_storage()),) if expanded else (alias,)
    return (alias._indices(), alias._values()) if alias.layout is torch.sparse_coo else ()


def _lies_at(tensor: torch.Tensor, alias: torch.Tensor) -> bool:
    """Whether a tensor looks at the same memory in the same way; False where it cannot be asked."""
    if alias.is_meta or alias.layout is not torch.strided or tensor.device != alias.device:
        return False
    return tensor.dtype is alias.dtype and tensor.is_set_to(alias)


def _restore_flags(tensor: torch.Tensor, flags: tuple[Any, ...]) -> None:
    for name, value in zip(_FLAGS, flags, strict=True):
        if getattr(tensor, name) is not value:
            setattr(tensor, name, value)


def _storage_key(tensor: torch.Tensor) -> int:
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return id(tensor)


# Types whose values nothing can change.
_EXAMPLES = (None, True, 0, 0.0, 1j, "", b"", int, len, nullcontext, torch.float32)
_ATOMS = frozenset([*map(type, _EXAMPLES), torch.device, torch.Size, torch.memory_format])
_CONTAINERS = frozenset([dict, OrderedDict, defaultdict, list, set, deque])
_UNSET = object()


def _is_opaque(cls: type) -> bool:
    """Whether instances are left alone: classes, functions, threads, locks, loggers, weak links."""
    if issubclass(cls, SimpleNamespace | UserDict | UserList):  # they hold the user's things
        return False
    standard = cls.__module__.partition(".")[0] in sys.stdlib_module_names
    return standard or issubclass(cls, type | enum.Enum)


def _entries(content: dict[Any, Any]) -> tuple[list[Any], list[Any]]:
    if type(content) in _CONTAINERS:
        return [*content], [*content.values()]
    # A subclass may do anything in its own methods: go past them.
    keys = [*_base(content).__iter__(content)]
    return keys, [dict.__getitem__(content, key) for key in keys]


def _base(content: dict[Any, Any]) -> type[dict[Any, Any]]:
    return OrderedDict if isinstance(content, OrderedDict) else dict


def _same(now: list[Any], before: list[Any]) -> bool:
    return len(now) == len(before) and all(map(is_, now, before))


def _refill(mapping: _Mapping, keep: tuple[str, ...]) -> None:
    content, base = mapping.content, _base(mapping.content)
    entries = dict(zip(mapping.keys, mapping.values, strict=True))
    for key in keep:
        entries.pop(key, None)
        if key in content:
            entries[key] = content[key]
    base.clear(content)
    for key, value in entries.items():
        base.__setitem__(content, key, value)


def _refill_sequence(sequence: Any, values: list[Any]) -> None:
    if isinstance(sequence, list):
        list.__setitem__(sequence, slice(None), values)
        return
    base: Any = set if isinstance(sequence, set) else deque
    base.clear(sequence)
    (set.update if base is set else deque.extend)(sequence, values)


def _slots(cls: type) -> list[Any]:
    """The members of a class that its instances keep in slots, outside of the dictionary."""
    members = []
    for owner in cls.__mro__:
        names = owner.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            member = owner.__dict__.get(name)
            if type(member) is MemberDescriptorType:
                members.append(member)
    return members


def _slot(member: MemberDescriptorType, item: object) -> Any:
    try:
        return member.__get__(item)
    except AttributeError:
        return _UNSET


def _set_slot(member: MemberDescriptorType, item: object, value: Any) -> None:
    if value is not _UNSET:
        member.__set__(item, value)
    elif _slot(member, item) is not _UNSET:
        member.__delete__(item)


def _surroundings() -> list[object]:
    """Hooks on all modules, and the seeds that wait for a device to be started."""
    hooks = [v for k, v in vars(module_hooks).items() if k.startswith("_global") and "hooks" in k]
    waiting = [
        getattr(device, name, None)
        for device in (torch.cuda, torch.xpu)
        for name in ("_queued_calls", "_lazy_seed_tracker")
    ]
    return [*hooks, *waiting]


_SDP = torch.backends.cuda
# Settings of the process that a forward might change: how to read, and how to set them.
_SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    (torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled),
    (partial(torch.is_autocast_enabled, "cpu"), partial(torch.set_autocast_enabled, "cpu")),
    (partial(torch.is_autocast_enabled, "cuda"), partial(torch.set_autocast_enabled, "cuda")),
    (partial(torch.get_autocast_dtype, "cpu"), partial(torch.set_autocast_dtype, "cpu")),
    (partial(torch.get_autocast_dtype, "cuda"), partial(torch.set_autocast_dtype, "cuda")),
    (_SDP.flash_sdp_enabled, _SDP.enable_flash_sdp),
    (_SDP.mem_efficient_sdp_enabled, _SDP.enable_mem_efficient_sdp),
    (_SDP.math_sdp_enabled, _SDP.enable_math_sdp),
    (_SDP.cudnn_sdp_enabled, _SDP.enable_cudnn_sdp),
)

# Random generators that a model may hold: how to read, and how to set their states.
_GENERATORS: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], object]]] = {
    torch.Generator: (lambda g: g.get_state(), lambda g, state: g.set_state(state)),
    random.Random: (lambda g: g.getstate(), lambda g, state: g.setstate(state)),
    np.random.RandomState: (lambda g: g.get_state(), lambda g, state: g.set_state(state)),
    np.random.Generator: (
        lambda g: g.bit_generator.state,
        lambda g, state: setattr(g.bit_generator, "state", state),
    ),
}


def _random_state() -> tuple[Any, ...]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else ()
    return torch.get_rng_state(), cuda, np.random.get_state(), random.getstate()


def _set_random_state(state: tuple[Any, ...]) -> None:
    cpu, cuda, numpy_state, python_state = state
    torch.set_rng_state(cpu)
    torch.cuda.set_rng_state_all(cuda)  # nothing where there are none
    np.random.set_state(numpy_state)
    random.setstate(python_state)
