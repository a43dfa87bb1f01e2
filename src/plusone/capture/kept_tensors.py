"""Tensors as they were found: where they lie, what they hold, their gradients and flags."""

from __future__ import annotations

from operator import attrgetter, is_
from typing import Any, NamedTuple

import torch


class TensorState(NamedTuple):
    tensor: torch.Tensor
    alias: torch.Tensor
    flags: tuple[Any, ...]
    version: int


# What a tensor has beside its numbers; its gradient and its hooks may change too.
_FLAGS = ("requires_grad", "grad", "_backward_hooks", "_post_accumulate_grad_hooks")
_flags = attrgetter(*_FLAGS)


class KeptTensors:
    """Tensors with the memory that they lie in, and copies of what it holds."""

    def __init__(self) -> None:
        self._states: list[TensorState] = []
        self._by_storage: dict[int, list[torch.Tensor]] = {}
        self._contents: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def add(self, tensor: torch.Tensor, small: int) -> TensorState:
        """The state of `tensor`, whose content is copied now if it has at most `small` bytes."""
        alias = tensor.data  # the same memory, with a version counter of its own
        state = TensorState(
            tensor,
            alias,
            _flags(tensor) if tensor.is_leaf else (),
            -1 if tensor.is_inference() else tensor._version,
        )
        self._states.append(state)
        for part in _parts(alias):
            self._by_storage.setdefault(storage_key(part), []).append(part)
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
        if self._contents:
            parts, contents = zip(*self._contents.values(), strict=True)
            torch._foreach_copy_(parts, contents)
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


def storage_key(tensor: torch.Tensor) -> int:
    """A number that the tensors of one storage share, as long as it lives."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return id(tensor)
