"""Fixup's scalars: y = x + m f(x) + b, and a bias before each layer of the branch.

Zhang, Dauphin and Ma 2019 (arXiv 1901.09321, section 3.2, rule 3: a scalar multiplier that starts
at 1 in every branch, a scalar bias that starts at 0 before each convolution, linear layer and
activation). Rules 1 and 2, the zero last layer and the factor L^(-1/(2m-2)) on the others, are
`initialize_(model, method="fixup")`.

Test: exact identity once the last layer is zero; one step's change of the output is flat in depth.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.nn.join import Join


class FixupScale(Join):
    """y = x + gain f(x) + bias with two learned numbers, 1 and 0 at the start."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return torch.addcmul(skip + self.bias, branch, self.gain)
        return torch.addcmul(skip + self.bias * mask, branch, self.gain * mask)


class ScalarBias(nn.Module):
    """x + bias with one learned number, 0 at the start: what Fixup puts before each layer."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias
