"""Checks of inputs against a model that need no forward pass."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import torch
from torch import nn
from torch.utils import _pytree as pytree

from plusone.errors import InputError
from plusone.target.call import Call
from plusone.target.members import parameters_of


def check_fit(model: nn.Module, call: Call, *, label: str) -> None:
    """Raises where the model's forward takes other arguments than these, by number or name."""
    if model._forward_pre_hooks:  # a hook may change the arguments
        return
    try:
        signature = inspect.signature(model.forward)
    except (TypeError, ValueError):  # built-in code has no signature
        return
    try:
        signature.bind(*call.args, **call.kwargs)
    except TypeError as error:
        given = [f"{len(call.args)} positional"] if call.args else []
        given += [", ".join(call.kwargs)] if call.kwargs else []
        raise InputError(
            f"the inputs do not fit {label}: {error}; its forward takes {_names(signature)} and "
            f"was given {' and '.join(given) or 'nothing'}"
        ) from None


def _names(signature: inspect.Signature) -> str:
    """The arguments, those that have a default in brackets."""
    shown = [
        str(p.name) if p.default is p.empty else f"[{p.name}]"
        for p in signature.parameters.values()
    ]
    if len(shown) > 8:
        shown = [*shown[:8], "..."]
    return f"({', '.join(shown)})"


def check_tensors(model: nn.Module, call: Call) -> None:
    """Raises on an input that is empty, holds NaN, or lies on another device than the model."""
    devices = {tensor.device for _, tensor in parameters_of(model)}
    for name, tensor in named_tensors(call):
        shape = tuple(tensor.shape)
        if tensor.numel() == 0:
            raise InputError(f"input {name} has the shape {shape} and so no elements")
        if len(devices) == 1 and tensor.device not in devices and tensor.dim() > 0:
            raise InputError(
                f"input {name} is on {tensor.device} but the model is on {devices.pop()}: "
                "move one to the other"
            )
        numbers = _numbers(tensor)
        if tensor.is_floating_point() and not tensor.is_meta and bool(numbers.isnan().any()):
            raise InputError(
                f"input {name} of shape {shape} holds {int(numbers.isnan().sum())} NaN: every "
                "measurement would be NaN too; clean the batch or take another"
            )


def _numbers(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor, or the numbers that a sparse one holds: of rows torch asks no `any`."""
    if tensor.layout is torch.strided:
        return tensor
    return tensor._values() if tensor.layout is torch.sparse_coo else tensor.values()


def named_tensors(call: Call) -> Iterator[tuple[str, torch.Tensor]]:
    """Each tensor in the inputs with a name to print, such as `0`, `1[2]` or `x['mask']`."""
    positional = ((str(i), value) for i, value in enumerate(call.args))
    for key, value in (*positional, *call.kwargs.items()):
        for path, leaf in pytree.tree_flatten_with_path(value)[0]:
            if isinstance(leaf, torch.Tensor):
                yield f"{key}{pytree.keystr(path)}", leaf
