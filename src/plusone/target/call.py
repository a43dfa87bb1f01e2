"""The arguments that a model is called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from plusone.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`model(*args, **kwargs)`."""

    args: tuple[object, ...] = ()
    kwargs: dict[str, object] = field(default_factory=dict)


def call_of(inputs: object) -> Call:
    """The call that `inputs` stand for.

    A tuple is positional arguments, a mapping is keyword arguments, anything else (a tensor, a
    list, a graph) is the one positional argument.
    """
    if isinstance(inputs, Call):
        return inputs
    if isinstance(inputs, tuple) and not hasattr(inputs, "_fields"):
        return Call(args=inputs)
    if isinstance(inputs, Mapping):
        names = [key for key in inputs if not isinstance(key, str)]
        if names:
            raise InputError(
                f"the inputs are a dict with the key {names[0]!r}: a dict holds keyword arguments, "
                "so its keys are names; to hand over the dict itself, wrap it in a tuple: (inputs,)"
            )
        return Call(kwargs=dict(inputs))
    return Call(args=(inputs,))
