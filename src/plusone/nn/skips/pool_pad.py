"""The skip without parameters: every stride-th position, and zeros for the channels that are new.

He et al. 2016 (arXiv 1512.03385, option A of section 3.3), the skip of their ResNets for CIFAR-10.
The published code subsamples; the mean over each cell is what ResNet-D does before its projection
(He et al. 2018, arXiv 1812.01187).

Test: no parameters; kept channels equal those of the input, new ones are zero.
"""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn import functional as F

from plusone.errors import InputError
from plusone.nn.join import checked_count

Pool = Literal["subsample", "mean"]


class PoolPad(nn.Module):
    """x at every `stride`-th position of 2 axes of space, padded to `num_outputs` channels."""

    def __init__(
        self, num_inputs: int, num_outputs: int, *, stride: int = 1, pool: Pool = "subsample"
    ) -> None:
        super().__init__()
        if num_outputs < num_inputs:
            raise InputError(
                f"PoolPad adds channels, but {num_inputs} are to become {num_outputs}; use "
                "ConvProjection."
            )
        if pool not in get_args(Pool):
            raise InputError(f"pool is {pool!r}; it must be one of {', '.join(get_args(Pool))}.")
        self.num_new = num_outputs - num_inputs
        self.stride = checked_count(stride, "stride")
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            if self.pool == "mean":
                x = F.avg_pool2d(x, self.stride, ceil_mode=True, count_include_pad=False)
            else:
                x = x[..., :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.num_new)) if self.num_new else x

    def extra_repr(self) -> str:
        return f"num_new={self.num_new}, stride={self.stride}, pool={self.pool}"
