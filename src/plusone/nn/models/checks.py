"""Checks of what goes into a model, each with one sentence for the user."""

from __future__ import annotations

from torch import Tensor

from plusone.errors import InputError


def check_axes(x: Tensor, what: str, *, axes: int, axis: int = 0, size: int | None = None) -> None:
    """InputError unless x has so many axes and, along `axis`, that `size`; `what` names it."""
    if x.dim() != axes or (size is not None and x.shape[axis] != size):
        raise InputError(f"The model takes {what}; got shape {tuple(x.shape)}.")


def check_tokens(tokens: Tensor, what: str, num_kinds: int) -> None:
    """InputError unless `tokens` [N, T] are whole numbers in [0, num_kinds)."""
    check_axes(tokens, what, axes=2)
    if tokens.is_floating_point() or tokens.is_complex():
        raise InputError(f"The model takes {what}; got numbers of type {tokens.dtype}.")
    if tokens.is_meta or not tokens.numel():
        return
    low, high = (int(end) for end in tokens.aminmax())
    if low < 0 or high >= num_kinds:
        raise InputError(
            f"The model takes {what} from 0 to {num_kinds - 1}; got numbers from {low} to {high}."
        )
