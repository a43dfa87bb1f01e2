"""Alternating updates: a wide stream in n blocks of which each layer computes one.

Baykal et al. 2023 (AltUp, arXiv 2301.13310, algorithm 1). With streams X [n, C] and the active one
s, a layer predicts all, computes the active one, and corrects all by what the prediction missed:

    Xhat_i = sum_j p_ij X_j,    y = f(X_s),    X'_i = Xhat_i + g_i (y - Xhat_s)

f is a whole block, with a skip of its own. At initialisation p = I and g = 1, so that the active
stream goes through the block and the others follow it: copies of one stream stay copies, and the
net is the net without, to rounding. The active stream alternates with the layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.errors import InputError


class AlternatingUpdate(nn.Module):
    """AltUp around a block that keeps [..., channels]; layout [..., streams, channels].

    `layer` counts from 0 and chooses the active stream; g_s is 1 + its learned part, as all g are.
    Cost beyond the block: n^2 + 2n multiplications a channel.
    """

    def __init__(self, block: nn.Module, *, layer: int, streams: int = 2) -> None:
        super().__init__()
        if streams < 2:
            raise InputError(f"Alternating updates need 2 streams or more; got {streams}.")
        self.block = block
        self.streams = streams
        self.active = layer % streams
        self.predict_weight = nn.Parameter(torch.eye(streams))
        self.correct_weight = nn.Parameter(torch.ones(streams))

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        """The streams after the block, of x's shape; further arguments go to the block.

        Raises:
            InputError: x has another number of streams.
        """
        if x.dim() < 2 or x.shape[-2] != self.streams:
            raise InputError(
                f"AlternatingUpdate takes [..., {self.streams} streams, channels]; got shape "
                f"{tuple(x.shape)}. expand_streams(x, {self.streams}) makes streams of one."
            )
        predicted = self.predict_weight @ x
        computed = self.block(x.select(-2, self.active), *args, **kwargs)
        missed = computed - predicted.select(-2, self.active)
        return torch.addcmul(predicted, self.correct_weight.unsqueeze(-1), missed.unsqueeze(-2))

    def extra_repr(self) -> str:
        return f"streams={self.streams}, active={self.active}"
