"""Hyper-connections: several residual streams with learned, unconstrained weights between them.

Zhu et al. 2024 (arXiv 2409.19606). With streams X [n, C], read weights a [n], mixing A [n, n] and
write weights b [n] (their equation 2):

    y = f(sum_s a_s X_s),    X'_t = sum_s A_st X_s + b_t y

Dynamic weights add s tanh(norm(X_s) W) to the static ones, with a scale s of 0.01 and W = 0 at
initialisation (their equations 10 to 13). The norm is that of the root mean square without a gain,
which W would absorb.

At initialisation a = e_(layer mod n), A = I, b = 1 (their equation 14): each stream is then the
single stream of a pre-norm residual net, bit by bit.

Nothing bounds the product of the mixing matrices over depth; `ManifoldHyperConnection` does.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.nn.streams.multi_stream import MultiStream, StreamWeights

DYNAMIC_SCALE = 0.01
EPS = 1e-6


class HyperConnection(MultiStream):
    """Hyper-connections around a branch, static or dynamic (arXiv 2409.19606).

    Layout [..., streams, channels]. `layer` counts blocks from 0 and chooses the stream that this
    block reads first; blocks must differ in it. Cost beyond the branch: n^2 + 2n multiplications
    a channel, and as much again for dynamic weights.
    """

    def __init__(
        self,
        branch: nn.Module,
        channels: int,
        *,
        layer: int,
        streams: int = 4,
        dynamic: bool = True,
    ) -> None:
        super().__init__(branch, channels, streams)
        self.layer = layer
        self.dynamic = dynamic
        self.read_weight = nn.Parameter(torch.eye(streams)[layer % streams].clone())
        self.mix_weight = nn.Parameter(torch.eye(streams))
        self.write_weight = nn.Parameter(torch.ones(streams))
        if dynamic:
            # One row for reading, n for mixing, one for writing, of each stream by itself.
            self.projection = nn.Parameter(torch.zeros(streams + 2, channels))
            self.width_scale = nn.Parameter(torch.tensor(DYNAMIC_SCALE))
            self.depth_scale = nn.Parameter(torch.tensor(DYNAMIC_SCALE))

    def weights(self, x: Tensor) -> StreamWeights:
        if not self.dynamic:
            return StreamWeights(self.read_weight, self.write_weight, self.mix_weight)
        n = self.streams
        projected = nn.functional.linear(x, self.projection) * inverse_rms(x)
        dynamic = torch.tanh(projected)
        read, mix, write = dynamic.split([1, n, 1], dim=-1)
        return StreamWeights(
            read=torch.addcmul(self.read_weight, self.width_scale, read.squeeze(-1)),
            write=torch.addcmul(self.write_weight, self.depth_scale, write.squeeze(-1)),
            # A row of `mix` is for the stream that is read; H_res has it as a column.
            mix=torch.addcmul(self.mix_weight, self.width_scale, mix.mT),
        )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, layer={self.layer}, dynamic={self.dynamic}"


def inverse_rms(x: Tensor) -> Tensor:
    """1 / sqrt(mean of x^2 + 1e-6) over the last axis, which stays with size 1; in x's type.

    Multiplying a projection of x by it costs less than normalising x (mHC, section 4.3.1).
    """
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
    return torch.rsqrt(norm.square() / x.shape[-1] + EPS).to(x.dtype)
