"""Leave the user's model as it was found: snapshot on entry, bitwise restoration on exit."""

from __future__ import annotations

import random
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn


class _TensorState(NamedTuple):
    tensor: torch.Tensor
    alias: torch.Tensor
    requires_grad: bool
    grad: torch.Tensor | None


class Sandbox:
    """The snapshot of one model: attributes, flags, hooks, tensors and random state.

    Buffers are copied at once. Parameters are large and hardly ever written by a forward, so they
    are copied when a recorded operation is about to write into one (`before_write`).
    """

    def __init__(self, model: nn.Module) -> None:
        self._attributes = [(m, _snapshot(m)) for m in model.modules()]
        self._tensors = [_tensor_state(t) for t in (*model.parameters(), *model.buffers())]
        self._contents: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._by_storage: dict[int, list[torch.Tensor]] = {}
        for parameter in model.parameters():
            alias = parameter.detach()
            self._by_storage.setdefault(_storage_key(alias), []).append(alias)
        for buffer in model.buffers():
            self._save(buffer.detach())
        self._rng = _rng_state()

    def before_write(self, tensor: torch.Tensor) -> None:
        """Copy the parameters that share storage with `tensor`, which is about to be written."""
        for alias in self._by_storage.get(_storage_key(tensor), ()):
            self._save(alias)

    def restore_random_state(self) -> None:
        """Set every random generator back to where it was on entry."""
        _set_rng_state(self._rng)

    def restore(self) -> None:
        """Put everything back; called on exit, also after an exception."""
        for module, attributes in self._attributes:
            _restore(module, attributes)
        for state in self._tensors:
            _restore_tensor(state)
        self.restore_contents()
        self.restore_random_state()

    def restore_contents(self) -> None:
        """Put the saved contents back, so that the next forward starts from the same buffers."""
        with torch.no_grad():
            for alias, content in self._contents.values():
                if not content.is_meta and not torch.equal(alias, content):
                    alias.data.copy_(content)

    def _save(self, alias: torch.Tensor) -> None:
        if id(alias) not in self._contents:
            self._contents[id(alias)] = (alias, alias.detach().clone())


@contextmanager
def sandbox(model: nn.Module) -> Iterator[Sandbox]:
    """A context in which `model` may be run and probed; on exit it is bitwise as on entry.

    Restores parameters, buffers, `.grad`, `requires_grad`, training flags, hooks, plain
    attributes of every module and the random state of torch, NumPy and Python, also when an
    exception leaves the context. Compiled modules run eagerly inside.
    """
    fast_path = torch.backends.mha.get_fastpath_enabled()
    box = Sandbox(model)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with _eager(), torch.enable_grad():
            yield box
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
        box.restore()


def _eager() -> AbstractContextManager[object]:
    # Whatever is compiled was compiled by Dynamo, whose import takes a second otherwise.
    if "torch._dynamo" in sys.modules:
        stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
        return stance
    return nullcontext()


def _storage_key(tensor: torch.Tensor) -> int:
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return id(tensor)


def _tensor_state(tensor: torch.Tensor) -> _TensorState:
    return _TensorState(tensor, tensor.detach(), tensor.requires_grad, tensor.grad)


def _restore_tensor(state: _TensorState) -> None:
    tensor, alias = state.tensor, state.alias
    if _storage_key(tensor) != _storage_key(alias) or tensor.shape != alias.shape:
        tensor.data = alias
    if tensor.is_leaf and tensor.requires_grad != state.requires_grad:
        tensor.requires_grad_(state.requires_grad)
    if tensor.grad is not state.grad:
        tensor.grad = state.grad


_CONTAINERS = (dict, list, set, OrderedDict, defaultdict)


def _copy_container(value: Any) -> Any:
    return value.copy() if type(value) in _CONTAINERS else None


def _snapshot(module: nn.Module) -> dict[str, tuple[Any, Any]]:
    return {k: (v, _copy_container(v)) for k, v in module.__dict__.items()}


def _restore(module: nn.Module, attributes: dict[str, tuple[Any, Any]]) -> None:
    for name in [name for name in module.__dict__ if name not in attributes]:
        del module.__dict__[name]
    for name, (value, content) in attributes.items():
        module.__dict__[name] = value
        if content is None or _same_items(value, content):
            continue
        if isinstance(value, list):
            value[:] = content
        else:
            value.clear()
            value.update(content)


def _same_items(value: Any, content: Any) -> bool:
    if len(value) != len(content):
        return False
    if isinstance(value, set):
        return bool(value == content)
    mine, theirs = list(value), list(content)
    if isinstance(value, list):
        return all(a is b for a, b in zip(mine, theirs, strict=True))
    return all(a is b and value[a] is content[b] for a, b in zip(mine, theirs, strict=True))


def _rng_state() -> tuple[Any, ...]:
    on_cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
    cuda = torch.cuda.get_rng_state_all() if on_cuda else None
    return torch.get_rng_state(), cuda, np.random.get_state(), random.getstate()


def _set_rng_state(state: tuple[Any, ...]) -> None:
    cpu, cuda, numpy_state, python_state = state
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state_all(cuda)
    np.random.set_state(numpy_state)
    random.setstate(python_state)
