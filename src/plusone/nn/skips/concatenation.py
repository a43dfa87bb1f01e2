"""Concatenation: y = [x, f(x)], nothing is added and nothing lost.

Dense blocks: Huang et al. 2017 (arXiv 1608.06993, equation 2); a chain of such blocks is a dense
block, x_l = f([x_0, ..., x_(l-1)]), with k0 + k l channels after l layers of growth k. Long skips
of a U-Net: Ronneberger et al. 2015 (arXiv 1505.04597).

Test: the input is the output's first part bit by bit; channels and parameters of DenseNets.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from plusone.nn.join import Join
from plusone.nn.residual import Residual


class Concatenation(Join):
    """[skip, branch] along `axis`, 1 for images and -1 for tokens."""

    takes_mask = False

    def __init__(self, axis: int = 1) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        return torch.cat((skip, branch), dim=self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis}"


def dense_block(layers: Iterable[nn.Module], *, axis: int = 1) -> nn.Sequential:
    """A chain in which each layer reads the block's input and all layers before it."""
    return nn.Sequential(*(Residual(layer, skip=Concatenation(axis)) for layer in layers))
