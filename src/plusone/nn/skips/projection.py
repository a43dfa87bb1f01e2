"""Projection skips: y = W x + f(x) where the branch changes the width or the resolution.

He et al. 2016 (arXiv 1512.03385, equation 2 and option B of section 3.3). The weights start at
variance 1/fan-in, since no activation follows: the skip then keeps the second moment of its input,
which He's 2/fan-in would double at every projection.

Test: shapes; second moment at initialisation; parameter counts of ResNets with options A and B.
"""

from __future__ import annotations

from torch import Tensor, nn

from plusone.errors import InputError

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


class LinearProjection(nn.Linear):
    """W x without bias, tokens [..., num_inputs] to [..., num_outputs]."""

    def __init__(self, num_inputs: int, num_outputs: int) -> None:
        super().__init__(num_inputs, num_outputs, bias=False)

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=self.in_features**-0.5)


class ConvProjection(nn.Module):
    """A 1x1 convolution of `stride` without bias, and a norm behind it if one is given.

    `num_axes` is that of space: 2 for images [N, C, H, W].
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        *,
        stride: int = 1,
        norm: nn.Module | None = None,
        num_axes: int = 2,
    ) -> None:
        super().__init__()
        if num_axes not in CONVOLUTIONS:
            raise InputError(f"num_axes is {num_axes}; it must be one of 1, 2, 3.")
        convolution = CONVOLUTIONS[num_axes]
        self.conv = convolution(num_inputs, num_outputs, 1, stride=stride, bias=False)
        nn.init.normal_(self.conv.weight, std=num_inputs**-0.5)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.conv(x)
        return projected if self.norm is None else self.norm(projected)
