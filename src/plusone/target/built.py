"""What building a target gives, before the user's options and the checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A model as it came, its inputs (None: none came) and perhaps targets and a loss."""

    model: object
    inputs: object = None
    targets: object = None
    loss_fn: Callable[..., torch.Tensor] | None = None
    notes: tuple[str, ...] = ()


def build_on(device: str, factory: Callable[[], T]) -> tuple[T, tuple[str, ...]]:
    """What `factory` makes with `device` as the default, and a note where that did not work.

    Some models compute with real numbers while they are built and so cannot be built on the meta
    device; those are built as they are.
    """
    if device != "meta":
        return factory(), ()
    try:
        with torch.device("meta"):
            return factory(), ()
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        made = factory()  # what is wrong with the target itself is raised here
        return made, (f"built with weights, not on meta: {type(error).__name__}: {first}",)
