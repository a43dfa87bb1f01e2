"""A factor on what a module gives: the branch of a residual block, scaled where it ends.

x + c f(x) with c = 1/sqrt(L): Hayou et al. 2021 (arXiv 2010.12859); c learned from 0: Bachlechner
et al. 2020 (arXiv 2003.04887), De and Smith 2020 (arXiv 2002.10444).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.fix.line import Around


class Gate(Around):
    """alpha * module(x), alpha a number that is learned or fixed and begins at `start`.

    Of a tuple (attention, recurrent layers) the first element is scaled.
    """

    def __init__(self, module: nn.Module, start: float, *, learned: bool = True) -> None:
        super().__init__(module)
        self.start = float(start)
        like = next(module.parameters(), torch.zeros(()))
        alpha = torch.full((), self.start, dtype=like.dtype, device=like.device)
        self.alpha: Tensor
        if learned:
            self.alpha = nn.Parameter(alpha)
        else:
            self.register_buffer("alpha", alpha)

    def forward(self, *args: object, **kwargs: object) -> object:
        out = self.module(*args, **kwargs)
        if isinstance(out, tuple):
            return (self.alpha * out[0], *out[1:])
        return self.alpha * out

    def extra_repr(self) -> str:
        kind = "learned" if isinstance(self.alpha, nn.Parameter) else "fixed"
        return f"start={self.start:.4g}, {kind}"
