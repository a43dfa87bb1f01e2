"""Manifold-constrained hyper-connections (mHC): mixing that cannot amplify, however deep the net.

Xie et al. 2025 (arXiv 2512.24880), equations 7 and 8. From all n streams x = vec(X) together:

    z = (x W') / rms(x)
    h_pre = sigmoid(s_1 z_1 + b_1),  h_post = 2 sigmoid(s_2 z_2 + b_2),  H_res = P(s_3 z_3 + b_3)
    X' = H_res X + h_post f(h_pre X)

P makes a doubly stochastic matrix, in the paper by 20 Sinkhorn rounds; `mixing` offers others.

Initial values are the paper's (appendix A.6): scales 0.01, b_1 = 3 for the stream `layer` mod n and
-3 for others, b_2 = 0, b_3 = 6I - 3. Copies of one stream then stay copies of it, to rounding, and
the net is the pre-norm residual net; without a norm in the branch it is one with branch inputs
larger by 1.095, sum(h_pre) for n = 4. `init="identity"` makes that sum 1. W, of which the paper
does not speak, starts at zero.

Other code starts elsewhere: with zero biases H_res is 1/n everywhere, which merges all streams in
the first block; lucidrains' logits I give a second singular value of 0.30, which merges them in a
few; logits of 0 and -8 at temperature 0.05 give the identity and no gradient at all.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.streams.hyper_connection import DYNAMIC_SCALE, inverse_rms
from plusone.nn.streams.mixing import Mixing, MixingName, mixing_of
from plusone.nn.streams.multi_stream import MultiStream, StreamWeights

READ_BIAS = 3.0

Initial = Literal["paper", "identity"]


class ManifoldHyperConnection(MultiStream):
    """mHC around a branch (arXiv 2512.24880); also with other mixing matrices than the paper's.

    Layout [..., streams, channels]. `layer` counts blocks from 0 and chooses the stream that this
    block reads most. `dynamic=False` leaves the biases alone. Weights are computed in float32 at
    least. Cost beyond the branch: n^2 + 2n multiplications a channel, as much again for dynamic
    weights, and the mixing's own, which does not depend on the channels.
    """

    index: Tensor

    def __init__(
        self,
        branch: nn.Module,
        channels: int,
        *,
        layer: int,
        streams: int = 4,
        mixing: MixingName | Mixing = "sinkhorn",
        dynamic: bool = True,
        init: Initial = "paper",
    ) -> None:
        super().__init__(branch, channels, streams)
        self.layer = layer
        self.dynamic = dynamic
        self.mixing = mixing_of(mixing, streams)
        parts = [_read_bias(streams, layer, init), torch.zeros(streams)]
        if self.mixing is not None:
            parts.append(self.mixing.initial())
        self.sizes = [len(part) for part in parts]
        self.bias = nn.Parameter(torch.cat(parts))
        if dynamic:
            self.projection = nn.Parameter(torch.zeros(len(self.bias), streams * channels))
            self.scale = nn.Parameter(torch.full((len(parts),), DYNAMIC_SCALE))
            index = torch.arange(len(parts)).repeat_interleave(torch.tensor(self.sizes))
            self.register_buffer("index", index, persistent=False)

    def weights(self, x: Tensor) -> StreamWeights:
        logits: Tensor = self.bias
        if self.dynamic:
            flat = x.flatten(-2)
            projected = nn.functional.linear(flat, self.projection) * inverse_rms(flat)
            logits = torch.addcmul(self.bias, projected, self.scale[self.index])
        wide = logits if logits.dtype == torch.float64 else logits.float()
        read, write, *mix = wide.split(self.sizes, dim=-1)
        return StreamWeights(
            read=read.sigmoid().to(x.dtype),
            write=(2 * write.sigmoid()).to(x.dtype),
            mix=None if self.mixing is None else self.mixing(mix[0]).to(x.dtype),
        )

    def extra_repr(self) -> str:
        mixing = "identity, " if self.mixing is None else ""
        return f"{super().extra_repr()}, layer={self.layer}, {mixing}dynamic={self.dynamic}"


def _read_bias(streams: int, layer: int, init: Initial) -> Tensor:
    """The logits of h_pre: large for the block's own stream; with sum(h_pre) = 1 for "identity"."""
    if init not in ("paper", "identity"):
        raise InputError(f"init is 'paper' or 'identity'; got {init!r}.")
    own, others = READ_BIAS, -READ_BIAS
    if init == "identity":
        share = min(1 / (1 + math.exp(READ_BIAS)), 1 / (2 * streams))
        others = math.log(share / (1 - share))
        rest = (streams - 1) * share
        own = math.log((1 - rest) / rest)
    bias = torch.full((streams,), others)
    bias[layer % streams] = own
    return bias
