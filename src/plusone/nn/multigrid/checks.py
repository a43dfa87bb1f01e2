"""A V-cycle's stencil, checked with one sentence for what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from plusone.errors import InputError


def checked_stencil(stencil: Sequence[Sequence[float]], dtype: torch.dtype) -> Tensor:
    """The stencil in float64; InputError unless it is 3 x 3 finite numbers with a diagonal.

    float64 for any `dtype` of the net: where a solution's last digits are asked for, an entry
    rounded to float32 has a solution of its own, 1e-5 away.
    """
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise InputError(f"dtype is {dtype}; it must be one of torch's floating-point types.")
    try:
        a = torch.tensor([list(row) for row in stencil], dtype=torch.float64)
    except (TypeError, ValueError):  # no rows, ragged, or no numbers
        a = torch.empty(0)
    if a.shape != (3, 3) or not bool(torch.isfinite(a).all()) or float(a[1, 1]) == 0:
        raise InputError(
            f"the stencil is {stencil!r}; it must be 3 x 3 finite numbers with a diagonal, the "
            "middle one, that is not 0."
        )
    return a
