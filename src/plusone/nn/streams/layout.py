"""From one stream to n and back: x [..., channels] <-> X [..., streams, channels].

Streams have an axis of their own and are never folded into the batch, so that whatever counts
samples (batch norm, stochastic depth, losses per sample) counts samples.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from plusone.errors import InputError

Reduction = Literal["mean", "sum"]


def expand_streams(x: Tensor, streams: int) -> Tensor:
    """`streams` copies of x: [..., channels] becomes [..., streams, channels].

    Raises:
        InputError: with fewer than 1 stream, or a tensor without axes.
    """
    if streams < 1:
        raise InputError(f"A net needs at least 1 stream; got streams={streams}.")
    if x.dim() == 0:
        raise InputError("expand_streams needs a tensor [..., channels]; got a single number.")
    return x.unsqueeze(-2).expand(*x.shape[:-1], streams, x.shape[-1]).contiguous()


def reduce_streams(x: Tensor, reduction: Reduction = "mean") -> Tensor:
    """The mean or the sum over streams: [..., streams, channels] becomes [..., channels].

    The mean undoes `expand_streams` exactly, so that a net which starts as a residual net has its
    outputs. Hyper-connections (arXiv 2409.19606, section 2) take the sum, which is n times as
    large; a final norm removes that factor.

    Raises:
        InputError: for another reduction, or a tensor without an axis of streams.
    """
    if x.dim() < 2:
        raise InputError(
            f"reduce_streams needs a tensor [..., streams, channels]; got shape {tuple(x.shape)}."
        )
    if reduction == "mean":
        return torch.mean(x, dim=-2)
    if reduction == "sum":
        return torch.sum(x, dim=-2)
    raise InputError(f"The reduction is 'mean' or 'sum'; got {reduction!r}.")
