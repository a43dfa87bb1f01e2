"""A skip between two places of a model that no module holds both of: one keeps, one takes.

A module's own forward may call `torch.tanh(self.layers[3](x))` between two layers. No module could
be wrapped to put a skip around that, so the skip leaves where one module is entered and returns
where a later one is: x <- x_kept + scale * x. It is the residual block of equation 1 of He et al.
2016 (arXiv 1512.03385) with everything in between as its branch.
"""

from __future__ import annotations

from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.join import Join


class Line:
    """What is kept of one forward between the modules that share it; empty before and after.

    `copy.deepcopy` of a model copies its lines with it, so that two copies never share one. Two
    threads must not run one copy at once, and a checkpointed part may not hold one end alone.
    """

    def __init__(self) -> None:
        self._kept: Tensor | None = None

    def put(self, x: Tensor) -> None:
        """Keep x until it is taken or another takes its place."""
        self._kept = x

    def read(self) -> Tensor:
        """What is kept; it stays."""
        if self._kept is None:
            raise InputError(
                "a skip returns before it has left: the module in which it begins did not run in "
                "this forward; run the whole model"
            )
        return self._kept

    def take(self) -> Tensor:
        """What is kept; afterwards the line is empty."""
        kept, self._kept = self.read(), None
        return kept

    def __deepcopy__(self, memo: dict[int, object]) -> Line:
        fresh = Line()
        memo[id(self)] = fresh
        return fresh

    def __reduce__(self) -> tuple[type[Line], tuple[()]]:
        return Line, ()


class Around(nn.Module):
    """Base of modules that stand in another's place: its attributes are still found here."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def __getattr__(self, name: str) -> Tensor | nn.Module:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "module":
                raise
            found: Tensor | nn.Module = getattr(super().__getattr__("module"), name)
            return found


class Splice(Around):
    """`module`, entered by a stream of skips: x <- join(skip(kept), x), which is kept in turn.

    `is_first`: nothing is kept yet, x begins the stream. `is_last`: the stream ends here. `skip` is
    None for the identity or a projection; `scale` a `Join` such as `SkipInit`, or None for the sum.
    `norm` acts on what enters the module and not on the stream (pre-norm). Only the first
    positional argument is changed; of shape [..., channels] or [N, channels, ...].
    """

    def __init__(
        self,
        module: nn.Module,
        line: Line,
        *,
        is_first: bool = False,
        is_last: bool = False,
        skip: nn.Module | None = None,
        scale: Join | None = None,
        norm: nn.Module | None = None,
    ) -> None:
        super().__init__(module)
        self.line = line
        self.is_first = is_first
        self.is_last = is_last
        self.skip = skip
        self.scale = scale
        self.norm = norm
        self._writes = any(getattr(m, "inplace", False) for m in module.modules())

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> object:
        if not self.is_first:
            kept = self.line.take()
            kept = kept if self.skip is None else self.skip(kept)
            x = kept + x if self.scale is None else self.scale(kept, x)
        if not self.is_last:
            self.line.put(x)
            x = x.clone() if self._writes and self.norm is None else x
        return self.module(x if self.norm is None else self.norm(x), *args, **kwargs)

    def extra_repr(self) -> str:
        ends = [word for word in ("is_first", "is_last") if getattr(self, word)]
        return ", ".join(ends)
