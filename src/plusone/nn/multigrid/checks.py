"""What a V-cycle is made of, checked with one sentence for what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from plusone.errors import InputError


def checked_whole(value: int, name: str, *, least: int) -> int:
    """The value; InputError unless it is a whole number of `least` or more."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or value < least:
        raise InputError(f"{name} is {value!r}; it must be a whole number, {least} or more.")
    return value


def checked_stencil(stencil: Sequence[Sequence[float]], dtype: torch.dtype) -> Tensor:
    """The stencil as a tensor; InputError unless it is 3 x 3 finite numbers with a diagonal."""
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise InputError(f"dtype is {dtype}; it must be one of torch's floating-point types.")
    try:
        a = torch.tensor([list(row) for row in stencil], dtype=dtype)
    except (TypeError, ValueError):  # ragged, or no numbers
        a = torch.empty(0, dtype=dtype)
    if a.shape != (3, 3) or not bool(torch.isfinite(a).all()) or float(a[1, 1]) == 0:
        shown = [list(row) if isinstance(row, list | tuple) else row for row in stencil]
        raise InputError(
            f"the stencil is {shown}; it must be 3 x 3 finite numbers with a diagonal, the middle "
            "one, that is not 0."
        )
    return a
