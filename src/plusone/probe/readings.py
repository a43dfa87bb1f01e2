"""Tensors that are read when they are asked for, or at the last moment before they change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import torch

Key = TypeVar("Key")
Reading = TypeVar("Reading")


class Readings(Generic[Key, Reading]):
    """A mapping whose values are `read` of the tensors that were noted, each at most once.

    A tensor waits unread, and is kept alive, until its value is asked for, `about_to_change` is
    told that its memory will be written, or `forget` drops what was never asked for.
    """

    def __init__(self, read: Callable[[torch.Tensor], Reading]) -> None:
        self._read = read
        self._done: dict[Key, Reading] = {}
        self._waiting: dict[Key, torch.Tensor] = {}
        self._by_storage: dict[int, list[Key]] = {}

    def note(self, key: Key, tensor: torch.Tensor) -> None:
        """Let `key` stand for what `tensor` holds now."""
        if _storage(tensor) == 0:  # memory that nobody can watch
            self._done[key] = self._read(tensor)
            return
        self._waiting[key] = tensor
        self._by_storage.setdefault(_storage(tensor), []).append(key)

    def about_to_change(self, tensor: torch.Tensor) -> None:
        """Read what waits in the memory of `tensor`."""
        for key in self._by_storage.pop(_storage(tensor), ()):
            if key in self._waiting:
                self._done[key] = self._read(self._waiting.pop(key))

    def waiting(self, key: Key) -> torch.Tensor | None:
        """The tensor that `key` stands for, as long as it was not read."""
        return self._waiting.get(key)

    def forget(self) -> None:
        """Drop every tensor that was not read."""
        self._waiting.clear()
        self._by_storage.clear()

    def __contains__(self, key: object) -> bool:
        return key in self._done or key in self._waiting

    def __iter__(self) -> Iterator[Key]:
        return iter([*self._done, *self._waiting])

    def __getitem__(self, key: Key) -> Reading:
        if key not in self._done:
            self._done[key] = self._read(self._waiting.pop(key))
        return self._done[key]

    def values(self) -> list[Reading]:
        """All values, in no order."""
        return [self[key] for key in self]


def _storage(tensor: torch.Tensor) -> int:
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return 0
