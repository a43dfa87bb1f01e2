"""One call that applies a depth-aware initialisation to a whole model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.init.admin import admin
from plusone.nn.init.branches import Branches, find_branches
from plusone.nn.init.closed import require_closed
from plusone.nn.init.deepnorm import deepnorm
from plusone.nn.init.fixup import fixup
from plusone.nn.init.gates import gates
from plusone.nn.init.gpt2 import gpt2
from plusone.nn.init.report import InitReport, Touched
from plusone.nn.init.zero_last import zero_last
from plusone.nn.scales.deepnorm import DeepNormCoefficients
from plusone.target.models import as_model

Method = Literal["fixup", "deepnorm", "zero_last", "rezero", "skipinit", "gpt2", "admin"]


def initialize_(
    model: nn.Module,
    method: Method,
    *,
    inputs: object = None,
    coefficients: DeepNormCoefficients | None = None,
    unscaled: Iterable[str] = (),
    generator: torch.Generator | None = None,
) -> InitReport:
    """What was touched in `model`, in place, by one of the methods, each in a file of this folder.

    Branches are those of the model's `plusone.nn.Residual`s; with `inputs` (a tensor, a tuple of
    positional arguments or a dict of keyword arguments) their layers are ordered by a forward
    rather than by registration, whether branches are zero after "fixup" and "zero_last" is seen by
    another, and "fixup", "zero_last" and "gpt2" work on any model, whose branches are found from a
    recorded forward. `coefficients` and `unscaled` are for "deepnorm":
    those of an encoder beside a decoder, and patterns of the queries' and keys' layers.

    Cost: the draws; with `inputs` one recorded forward, and one more for "admin", "fixup" and
    "zero_last".

    Raises:
        InputError: no branch with weights was found, or the method does not fit the model; nothing
            is touched then.
        TargetError: `model` is no module, or has uninitialised parts.
        CaptureError: the forward on `inputs` raised.
    """
    if method not in get_args(Method):
        raise InputError(f"method is {method!r}; it must be one of {', '.join(get_args(Method))}.")
    patterns = (unscaled,) if isinstance(unscaled, str) else tuple(unscaled)
    if method != "deepnorm" and (coefficients is not None or patterns):
        raise InputError(f"coefficients and unscaled are deepnorm's; {method} has no use for them.")
    model = as_model(model)
    branches = find_branches(model, inputs)
    is_checked = method in ("fixup", "zero_last") and branches.order == "called"
    before = [(p, p.detach().clone()) for p in model.parameters()] if is_checked else []
    with torch.no_grad():
        if method == "deepnorm":
            touched = deepnorm(branches, coefficients, patterns, generator)
        elif method == "admin":
            touched = admin(model, branches, inputs)
        else:
            touched = _by_structure(model, method, branches, generator)
    if is_checked:
        try:
            require_closed(model, branches, inputs, method)
        except InputError:
            _put_back(before)
            raise
    return InitReport(
        method=method,
        num_branches=len(branches.found),
        order=branches.order,
        touched=tuple(touched),
    )


def _put_back(values: list[tuple[nn.Parameter, Tensor]]) -> None:
    with torch.no_grad():
        for parameter, value in values:
            parameter.copy_(value)


def _by_structure(
    model: nn.Module, method: Method, branches: Branches, generator: torch.Generator | None
) -> list[Touched]:
    if method == "fixup":
        return fixup(branches, generator)
    if method == "zero_last":
        return zero_last(branches)
    if method == "gpt2":
        return gpt2(model, branches, generator)
    return gates(branches, method)
