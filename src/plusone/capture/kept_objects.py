"""Python objects as they were found: what they held, and at which place.

Attributes are followed through modules, containers and the user's own objects, wherever they
lead, but not into objects of the standard library.
"""

from __future__ import annotations

import enum
import random
import sys
from collections import OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
from operator import is_
from types import MemberDescriptorType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from plusone.capture.kept_tensors import KeptTensors

# A write that no recorder sees (NumPy's, or batch norm's into its statistics, which its schema
# hides) can be undone only with a copy made beforehand: of buffers, and of what is small.
_SMALL, _SMALL_BUFFER, _SMALL_ARRAY = 1 << 16, 1 << 20, 1 << 26
# Longer containers are put back as they were, but their elements are not looked at.
_LONG = 10_000


class _Mapping(NamedTuple):
    content: dict[Any, Any]
    keys: list[Any]
    values: list[Any]
    at_end: bool  # plusone itself changes it until the end


class KeptObjects:
    """The Python objects that were reached, with what is needed to put them back."""

    def __init__(self, tensors: KeptTensors) -> None:
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
        flags = self._tensors.add(tensor, small).flags
        held = [flag for flag in flags if flag is not None and flag is not True]
        if held:
            self._follow(held)
        if tensor.__dict__:
            self._follow([tensor.__dict__])
        else:
            self._empty.append(tensor.__dict__)


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
