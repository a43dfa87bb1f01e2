"""From the object that a user's target names to a model with inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

from torch import nn

from plusone.errors import TargetError
from plusone.target.blame import Blame
from plusone.target.built import Built, build_on
from plusone.target.models import describe_non_model
from plusone.target.spec import Spec
from plusone.target.user import user_object

WANTED = "(model, inputs) or (model, inputs, targets, loss_fn)"


def build_user(spec: Spec, *, device: str) -> Built:
    """What the user's function returns, or their object is, taken apart."""
    where = f"{spec.where}:{spec.name}"
    with user_object(spec) as value:
        notes: tuple[str, ...] = ()
        if callable(value) and not isinstance(value, nn.Module):
            value, notes = build_on(device, _call(value, spec, where))
            where = f"what {where} returns"
    return _unpack(value, where, notes)


def _call(function: Callable[[], object], spec: Spec, where: str) -> Callable[[], object]:
    required = _required(function)
    if required:
        raise TargetError(
            f"{where} needs {', '.join(required)}, but plusone calls it without arguments: give a "
            "function that needs none"
        )
    folder = Path(spec.where).resolve().parent if spec.source == "file" else Path.cwd()

    def called() -> object:
        try:
            return function()
        except (Exception, SystemExit) as error:
            raise TargetError(Blame(folder).sentence(f"calling {where}() raised", error)) from error

    return called


def _required(function: Callable[[], object]) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built-in code has no signature
        return []
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in optional]


def _unpack(value: object, where: str, notes: tuple[str, ...]) -> Built:
    if not isinstance(value, tuple):
        if isinstance(value, nn.Module):
            return Built(model=value, notes=notes)
        raise TargetError(f"{describe_non_model(value, where)}; it should be {WANTED}")
    if len(value) not in (2, 4):
        raise TargetError(f"{where} is a tuple of {len(value)}; it should be {WANTED}")
    if not isinstance(value[0], nn.Module):
        order = ": the model comes first" if isinstance(value[1], nn.Module) else ""
        found = describe_non_model(value[0], f"the first of {where}")
        raise TargetError(f"{found}; it should be {WANTED}{order}")
    model, inputs, targets, loss_fn = (*value, None, None)[:4]
    return Built(model=model, inputs=inputs, targets=targets, loss_fn=loss_fn, notes=notes)
