"""A module that no longer hears a part of its input's channels."""

from __future__ import annotations

from torch import Tensor, nn

from plusone.fix.line import Around


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
