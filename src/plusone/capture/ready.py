"""Before a recorded forward: inputs that take gradients, and hooks on every module's calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

from plusone.capture.nested import map_tensors


class Ready(NamedTuple):
    """Arguments for one forward, copied; `sources` are their tensors, `leaves` those with grad."""

    args: Any
    kwargs: Any
    sources: list[torch.Tensor]
    leaves: list[torch.Tensor]


def ready_inputs(args: tuple[Any, ...], kwargs: dict[str, Any], *, wants_grad: bool) -> Ready:
    """Copies of the inputs, of which the real and complex ones require grad if that is wanted."""
    sources: list[torch.Tensor] = []
    leaves: list[torch.Tensor] = []

    def ready(tensor: torch.Tensor) -> torch.Tensor:
        copy = tensor.detach().clone()
        if wants_grad and (copy.is_floating_point() or copy.is_complex()):
            leaves.append(copy.requires_grad_())
            copy = copy.clone()  # a non-leaf, so that the model may write into it
        sources.append(copy)
        return copy

    return Ready(map_tensors(ready, args), map_tensors(ready, kwargs), sources, leaves)


@contextmanager
def calls_of_modules(
    enter: Callable[[Any, Any], None], leave: Callable[[Any, Any, Any], None]
) -> Iterator[None]:
    """A context in which every module's call is told, also one that an exception ends."""
    before = register_module_forward_pre_hook(enter)
    after = register_module_forward_hook(leave, always_call=True)
    try:
        yield
    finally:
        before.remove()
        after.remove()
