"""From what a user hands over as a model to the module that runs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from plusone.errors import TargetError
from plusone.target.members import modules_of, tensors_of
from plusone.target.suggest import a


def as_model(value: object, *, where: str = "") -> nn.Module:
    """The `nn.Module` that `value` is or wraps; a refusal that says why where it is none."""
    place = where or "the model"
    if isinstance(value, type) and issubclass(value, nn.Module):
        raise TargetError(
            f"{place} is the class {value.__name__}, not a model: call it, {value.__name__}(...)"
        )
    if not isinstance(value, nn.Module):
        raise TargetError(describe_non_model(value, place))
    module = _unwrapped(value)
    _refuse_compiled_parts(module, place)
    _refuse_uninitialised(module, place)
    return module


def describe_non_model(value: object, place: str) -> str:
    """Why `value` cannot be scanned, in one sentence."""
    if is_state_dict(value):
        assert isinstance(value, Mapping)
        return (
            f"{place} is a state_dict ({len(value)} tensors): it holds weights but not the code "
            "that says how they connect, so there is nothing to scan; build the model, call "
            "load_state_dict and give the model"
        )
    if value is None:
        return f"{place} is None, not a torch.nn.Module: is a `return` missing?"
    if callable(value):
        return (
            f"{place} is {a(value)}, not a torch.nn.Module: wrap the computation in "
            "a module, so that its blocks have names"
        )
    return f"{place} is {a(value)}, not a torch.nn.Module"


def is_state_dict(value: object) -> bool:
    """Whether `value` maps names to tensors and to nothing else."""
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(key, str) for key in value)
        and all(isinstance(entry, torch.Tensor) for entry in value.values())
    )


def _unwrapped(model: nn.Module) -> nn.Module:
    """`model` without torch.compile's and data-parallel's wrappers, which hide the blocks."""
    parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, parallel):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def _refuse_compiled_parts(model: nn.Module, place: str) -> None:
    for path, module in modules_of(model):
        is_compiled = getattr(module, "_compiled_call_impl", None) is not None
        if is_compiled or isinstance(getattr(module, "_orig_mod", None), nn.Module):
            part = f"module '{path}' of {place}" if path else place
            raise TargetError(
                f"{part} is compiled, and compiled code hides its operations: "
                "scan the model before torch.compile"
            )


def _refuse_uninitialised(model: nn.Module, place: str) -> None:
    for name, tensor in tensors_of(model):
        if nn.parameter.is_lazy(tensor):
            raise TargetError(
                f"'{name}' of {place} has no shape yet (a lazy module): run the model once on a "
                "batch before the scan"
            )
