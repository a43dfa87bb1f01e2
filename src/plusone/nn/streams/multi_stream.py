"""What all blocks on several streams do: read one input, run the branch, write its output back.

X' = H_res X + h_post f(h_pre X), with X [..., n, C], h_pre and h_post [..., n], H_res [..., n, n].
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from plusone.errors import InputError


class StreamWeights(NamedTuple):
    """How a block reads (h_pre), writes (h_post) and mixes (H_res; None for I) its streams.

    Either one set for all positions, or one a position, with the leading axes of X.
    """

    read: Tensor
    write: Tensor
    mix: Tensor | None


class MultiStream(nn.Module):
    """A branch between streams; subclasses say with which weights.

    `branch` maps [..., channels] to the same shape, or to a tuple that begins with it (attention's
    outputs): then the rest of the tuple is handed on. Further arguments go to the branch.
    """

    def __init__(self, branch: nn.Module, channels: int, streams: int) -> None:
        super().__init__()
        if streams < 2:
            raise InputError(
                f"{type(self).__name__} needs at least 2 streams; got {streams}. "
                "One stream is an ordinary residual block."
            )
        if channels < 1:
            raise InputError(f"channels is the size of the last axis; got {channels}.")
        self.branch = branch
        self.channels = channels
        self.streams = streams

    def weights(self, x: Tensor) -> StreamWeights:
        """The weights of this block for streams x [..., streams, channels]."""
        raise NotImplementedError

    def forward(
        self, x: Tensor, *args: object, **kwargs: object
    ) -> Tensor | tuple[Tensor, *tuple[object, ...]]:
        """The streams after the block, of x's shape; with what else the branch returned, if any.

        Raises:
            InputError: where x is no [..., streams, channels].
        """
        if x.dim() < 2 or x.shape[-2] != self.streams or x.shape[-1] != self.channels:
            raise InputError(
                f"{type(self).__name__} takes [..., {self.streams} streams, {self.channels} "
                f"channels]; got shape {tuple(x.shape)}. expand_streams(x, {self.streams}) makes "
                "streams of one."
            )
        weights = self.weights(x)
        output = self.branch(read(x, weights), *args, **kwargs)
        if isinstance(output, tuple):
            return write(x, output[0], weights), *output[1:]
        return write(x, output, weights)

    def extra_repr(self) -> str:
        return f"streams={self.streams}, channels={self.channels}"


def read(x: Tensor, weights: StreamWeights) -> Tensor:
    """h_pre X, the branch's input [..., channels]."""
    return _each(weights.read.unsqueeze(-2), x).squeeze(-2)


def write(x: Tensor, update: Tensor, weights: StreamWeights) -> Tensor:
    """H_res X + h_post y, [..., streams, channels], for an update y [..., channels]."""
    mixed = x if weights.mix is None else _each(weights.mix, x)
    return torch.addcmul(mixed, weights.write.unsqueeze(-1), update.unsqueeze(-2))


def _each(matrix: Tensor, x: Tensor) -> Tensor:
    """matrix X at each position. A matrix for all positions is expanded, being small: matmul would
    copy X instead."""
    result: Tensor = torch.matmul(matrix.expand(*x.shape[:-2], *matrix.shape[-2:]), x)
    return result
