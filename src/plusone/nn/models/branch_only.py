"""The join of a net without skips: y = f(x).

With it, a `Residual` or a `LongSkip` keeps its branch, its norms and the names of its parameters,
and loses the skip alone, so that a net and its twin without skips differ in nothing else.

Test: same names and values of parameters; the output is the branch's, bit by bit.
"""

from __future__ import annotations

from torch import Tensor, nn

from plusone.nn.join import Join


class BranchOnly(Join):
    """y = f(x), the skip is left out."""

    takes_mask = False

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        return branch


def joined_by(skips: bool, skip: nn.Module | None = None) -> nn.Module | None:
    """`Residual`'s skip: `skip` (None for the identity), or `BranchOnly` where there are none."""
    return skip if skips else BranchOnly()
