"""Modules that no longer hear what a skip brings: its channels, or its part of a sum."""

from __future__ import annotations

from torch import Tensor, nn

from plusone.fix.line import Around, Line


class Closed(Around):
    """`module` with channels `first` to `first + count` of its input at zero, along `axis`."""

    def __init__(self, module: nn.Module, first: int, count: int, *, axis: int = 1) -> None:
        super().__init__(module)
        self.first = first
        self.count = count
        self.axis = axis

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> object:
        heard = x.clone()
        heard.narrow(self.axis, self.first, self.count).zero_()
        return self.module(heard, *args, **kwargs)

    def extra_repr(self) -> str:
        return f"first={self.first}, count={self.count}, axis={self.axis}"


class Cancelled(Around):
    """`module` on its input less what `line` has kept: the other term of the sum alone, but for
    rounding."""

    def __init__(self, module: nn.Module, line: Line) -> None:
        super().__init__(module)
        self.line = line

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> object:
        return self.module(x - self.line.take(), *args, **kwargs)
