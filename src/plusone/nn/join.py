"""What brings a skip and a branch together, when it is more than a plain sum."""

from __future__ import annotations

from torch import Tensor, nn

from plusone.errors import InputError


class Join(nn.Module):
    """Base of scales, gates and concatenation: `join(skip, branch, mask)` is the block's output.

    `mask` is stochastic depth's factor on the branch, broadcast against it, and None where nothing
    is dropped; a join multiplies it into its own factor, so that it costs no pass over memory.
    """

    # Whether stochastic depth has a meaning here: a gate or a concatenation has no plain branch.
    takes_mask = True

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        raise NotImplementedError


def checked_number(value: float, name: str, low: float, high: float) -> float:
    """The value as a float; InputError if it is not in [low, high] (NaN is not)."""
    if not low <= value <= high:
        raise InputError(f"{name} is {value:g}; it must lie between {low:g} and {high:g}.")
    return float(value)


def checked_count(value: int, name: str, *, least: int = 1) -> int:
    """The value; InputError unless it is a whole number of `least` or more."""
    try:
        is_whole = value == int(value) and value >= least
    except (TypeError, ValueError, OverflowError):  # no number, NaN, infinity
        is_whole = False
    if not is_whole:
        raise InputError(f"{name} is {value!r}; it must be a whole number, {least} or more.")
    return int(value)
