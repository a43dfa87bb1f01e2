"""The subject of a scan: a model with inputs that fit it, checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from plusone.errors import InputError
from plusone.target.call import call_of
from plusone.target.checks import check_fit, check_tensors
from plusone.target.models import as_model
from plusone.target.suggest import a

LossFn = Callable[..., torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model and what to call it with: `model(*args, **kwargs)`.

    `loss_fn` is called as `loss_fn(output, targets)`, or as `loss_fn(output)` where `targets` is
    None. `notes` say what the user should know of how the subject came to be.
    """

    name: str
    model: nn.Module
    args: tuple[object, ...] = ()
    kwargs: dict[str, object] = field(default_factory=dict)
    targets: object | None = None
    loss_fn: LossFn | None = None
    notes: tuple[str, ...] = ()


def subject_of(
    model: object,
    inputs: object,
    targets: object | None = None,
    loss_fn: LossFn | None = None,
    *,
    name: str = "",
) -> Subject:
    """The subject of `model` and `inputs`, after checks that need no forward pass.

    `inputs` is a tensor, a tuple of positional arguments or a mapping of keyword arguments;
    anything else is taken as the one positional argument. A compiled or data-parallel wrapper
    around the model is taken off.
    """
    module = as_model(model, where=name)
    label = name or type(module).__name__
    if inputs is None:
        raise InputError(
            f"{label} comes without inputs: give them as a tensor, a tuple of positional arguments "
            "or a dict of keyword arguments (on the command line: --input 4,3,224,224)"
        )
    if loss_fn is not None and not callable(loss_fn):
        raise InputError(
            f"the loss of {label} is {a(loss_fn)}, which cannot be called: "
            "give a function of (output, targets)"
        )
    if targets is not None and loss_fn is None:
        raise InputError(
            f"{label} comes with targets but without a loss: give loss_fn too, for example "
            "torch.nn.functional.cross_entropy (on the command line: --loss cross-entropy)"
        )
    call = call_of(inputs)
    check_fit(module, call, label=label)
    check_tensors(module, call)
    return Subject(
        name=label,
        model=module,
        args=call.args,
        kwargs=call.kwargs,
        targets=targets,
        loss_fn=loss_fn,
    )
