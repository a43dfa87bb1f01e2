"""SkipInit: y = x + alpha f(x), alpha learned, for nets whose branches have no batch norm.

De and Smith 2020 (arXiv 2002.10444). They show that batch norm trains deep nets because
it shrinks the l-th branch by 1/sqrt(l) against the skip; a scalar that starts at 0, or at
1/sqrt(L), does the same without it. ReZero's formula, with the start as a choice.

Test: exact identity at 0; second moment 2 over 200 normed blocks at 1/sqrt(L).
"""

from __future__ import annotations

import math

from torch import nn

from plusone.nn.join import checked_count
from plusone.nn.scales.rezero import ReZero


class SkipInit(ReZero):
    """y = x + alpha f(x) with a learned `alpha` that begins at `start`."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self.start = float(start)
        nn.init.constant_(self.alpha, self.start)

    @classmethod
    def of_depth(cls, num_blocks: int) -> SkipInit:
        """A start of 1/sqrt(num_blocks)."""
        return cls(1 / math.sqrt(checked_count(num_blocks, "num_blocks")))

    def extra_repr(self) -> str:
        return f"start={self.start:.4g}"
