"""Norms by name: batch, layer, RMS and group, for tokens and for images.

Batch: Ioffe and Szegedy 2015 (arXiv 1502.03167). Layer: Ba et al. 2016 (arXiv 1607.06450). RMS:
Zhang and Sennrich 2019 (arXiv 1910.07467). Group: Wu and He 2018 (arXiv 1803.08494).

Test: the second moment of what is normed, over the axes that each names, is 1.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

from torch import Tensor, nn

from plusone.errors import InputError

NormName = Literal["batch", "layer", "rms", "group"]
_BATCH = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class OverChannels(nn.Module):
    """A norm of the last axis, applied to axis 1: at each position over its channels."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(x.movedim(1, -1))
        return normed.movedim(-1, 1)


def make_norm(
    name: NormName, channels: int, *, num_axes: int = 0, num_groups: int = 32
) -> nn.Module:
    """The norm of so many channels; `num_axes` is that of space, behind the channels.

    With 0, channels are last ([N, C] or tokens [N, T, C]); batch and group norm then take [N, C].
    Layer and RMS norm of an image norm each position on its own. Groups are the greatest divisor of
    `channels` up to `num_groups`.
    """
    if name not in get_args(NormName):
        raise InputError(f"norm is {name!r}; it must be one of {', '.join(get_args(NormName))}.")
    if num_axes not in _BATCH:
        raise InputError(f"num_axes is {num_axes}; a norm is for 0 to {max(_BATCH)} axes of space.")
    if name == "batch":
        return _BATCH[num_axes](channels)
    if name == "group":
        return nn.GroupNorm(_divisor(channels, num_groups), channels)
    norm = nn.LayerNorm(channels) if name == "layer" else nn.RMSNorm(channels)
    return OverChannels(norm) if num_axes else norm


def _divisor(channels: int, limit: int) -> int:
    return next(n for n in range(min(limit, channels), 0, -1) if math.gcd(n, channels) == n)
