"""Long skips over resolutions: y = join(x, inner(x)), inner going down, on, and up again.

Ronneberger et al. 2015 (arXiv 1505.04597; they crop the skip and concatenate); added instead of
concatenated: LinkNet, Chaurasia and Culurciello 2017 (arXiv 1707.03718). Put into each other, they
are a U-Net: the innermost runs at the lowest resolution.

Test: y holds x bit by bit where sizes agree; odd sizes come back as they were.
"""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn import functional as F

from plusone.errors import InputError
from plusone.nn.join import Join
from plusone.nn.skips.concatenation import Concatenation

Fit = Literal["interpolate", "crop"]


class LongSkip(nn.Module):
    """`inner`'s output beside its input: concatenated along channels, or joined by `join`.

    Where `inner` returns another size of space (an odd one halved and doubled), "interpolate"
    brings its output to the size of x (nearest), "crop" cuts the middle out of x instead.
    `join=None` concatenates; any `Join`, such as ConstantScale(1), adds.
    """

    def __init__(
        self, inner: nn.Module, *, join: Join | None = None, fit: Fit = "interpolate"
    ) -> None:
        super().__init__()
        if fit not in get_args(Fit):
            raise InputError(f"fit is {fit!r}; it must be one of {', '.join(get_args(Fit))}.")
        self.inner = inner
        self.join = Concatenation(1) if join is None else join
        self.fit = fit

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = self.inner(x)
        if inner.shape[2:] != x.shape[2:]:
            if self.fit == "interpolate":
                inner = F.interpolate(inner, size=x.shape[2:])
            else:
                x = _middle(x, inner.shape[2:])
        joined: Tensor = self.join(x, inner)
        return joined

    def extra_repr(self) -> str:
        return f"fit={self.fit}"


def _middle(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """The middle of x's space, of the given size."""
    for axis, wanted in enumerate(size, start=2):
        spare = x.shape[axis] - wanted
        if spare < 0:
            raise InputError(
                f"A skip of size {tuple(x.shape[2:])} cannot be cropped to {tuple(size)}; use "
                "fit='interpolate'."
            )
        x = x.narrow(axis, spare // 2, wanted)
    return x
