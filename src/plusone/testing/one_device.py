"""Is all work done on the device of the inputs? Run on meta, where no accelerator is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from plusone.testing.running import output_of


class _OnlyMeta(TorchDispatchMode):
    """Refuses operations that read a tensor of one dimension or more from elsewhere.

    Numbers (tensors without dimensions) may come from the CPU, as on a GPU. Operators themselves
    are lenient on meta: a product of a meta matrix with one of the CPU passes there.
    """

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        for leaf in tree_leaves((args, kwargs)):
            assert not isinstance(leaf, Tensor) or not leaf.dim() or leaf.is_meta, (
                f"{func} reads a tensor of shape {tuple(leaf.shape)} on {leaf.device}, while the "
                "module and its inputs are on meta. Is it a buffer that is not registered?"
            )
        return found


def output_on_meta(module: nn.Module, inputs: tuple[object, ...]) -> Tensor:
    """The output on the meta device; AssertionError if anything is read from another one.

    The module moves to meta and loses its values: give a copy.
    """
    away = tuple(x.to("meta") if isinstance(x, Tensor) else x for x in inputs)
    moved = module.to("meta")
    with torch.no_grad(), _OnlyMeta():  # type: ignore[no-untyped-call]
        output = output_of(moved, away)
    assert output.is_meta, f"On meta, the output is on {output.device}."
    return output
