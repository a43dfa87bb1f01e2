"""Tensors inside whatever a model is given or returns: containers, records, objects with keys."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

# Objects inside objects are followed this far: a record of records of tensors.
_DEPTH = 4


def map_tensors(function: Callable[[torch.Tensor], torch.Tensor], tree: Any) -> Any:
    """`tree` with every tensor mapped; containers, records and objects are copied, not changed.

    Looks into what torch's pytrees know, dataclasses, objects with keys (PyG's Data, encodings)
    and plain objects whose attributes hold tensors.
    """
    return tree_map(lambda leaf: _mapped(function, leaf, _DEPTH), tree)


def tensors_in(tree: object) -> list[torch.Tensor]:
    """All tensors inside `tree`, in order."""
    return [t for leaf in tree_leaves(tree) for t in _found(leaf, _DEPTH)]


def _mapped(function: Callable[[torch.Tensor], torch.Tensor], value: Any, depth: int) -> Any:
    if isinstance(value, torch.Tensor):
        return function(value)
    if depth == 0 or not _found(value, depth):
        return value

    def inside(part: Any) -> Any:
        return tree_map(lambda leaf: _mapped(function, leaf, depth - 1), part)

    if _has_keys(value):
        copied = value.clone() if hasattr(value, "clone") else copy.copy(value)
        for key in _keys(copied):
            copied[key] = inside(copied[key])
        return copied
    copied = copy.copy(value)
    for name, part in _attributes(value):
        object.__setattr__(copied, name, inside(part))
    return copied


def _found(value: Any, depth: int) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if depth == 0:
        return []
    parts = [value[key] for key in _keys(value)] if _has_keys(value) else None
    if parts is None:
        parts = [part for _, part in _attributes(value)]
    return [t for part in parts for leaf in tree_leaves(part) for t in _found(leaf, depth - 1)]


def _has_keys(value: Any) -> bool:
    is_object = not isinstance(value, type) and hasattr(value, "keys")
    return is_object and hasattr(value, "__setitem__") and hasattr(value, "__getitem__")


def _keys(value: Any) -> list[Any]:
    return list(value.keys() if callable(value.keys) else value.keys)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """Fields of a dataclass, or what stands in the dictionary of an object that is no machinery."""
    if isinstance(value, type | nn.Module) or callable(value):
        return
    names = [field.name for field in fields(value)] if is_dataclass(value) else []
    names += [name for name in getattr(value, "__dict__", {}) if name not in names]
    for name in names:
        if hasattr(value, name):
            yield name, getattr(value, name)
