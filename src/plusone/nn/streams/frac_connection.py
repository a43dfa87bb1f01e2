"""Frac-connections: hyper-connections between the fractions of one stream, which is not widened.

Zhu et al. 2025 (arXiv 2503.14125). The stream x [C] is cut into m fractions X [m, C/m]. With
read weights Y [m, m], mixing A [m, m] and write weights b [m],

    y = f(concat_j sum_i Y_ij X_i),    X'_j = sum_i A_ij X_i + b_j y_j

where y_j is the j-th fraction of the branch's output. Dynamic weights add s tanh(norm(X_i) W) to
the static ones, with a scale s of 0.01 and W = 0 at the start, as hyper-connections have it.

At initialisation Y = A = I and b = 1: the block is x + f(x), bit by bit. Public code that starts Y
with ones in one row reads one fraction m times instead, and is no residual block.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.streams.hyper_connection import DYNAMIC_SCALE, inverse_rms


class FracConnection(nn.Module):
    """Frac-connections around a branch that keeps x [..., channels] (arXiv 2503.14125).

    `fractions` divides the channels. Cost beyond the branch: 2 m multiplications a channel, and as
    much again for dynamic weights; no memory for further streams.
    """

    def __init__(
        self, branch: nn.Module, channels: int, *, fractions: int = 2, dynamic: bool = True
    ) -> None:
        super().__init__()
        if fractions < 2 or channels % fractions:
            raise InputError(
                f"{channels} channels cannot be cut into {fractions} equal fractions; give 2 or "
                "more, and a divisor of the channels."
            )
        self.branch = branch
        self.fractions = fractions
        self.dynamic = dynamic
        self.read_weight = nn.Parameter(torch.eye(fractions))
        self.mix_weight = nn.Parameter(torch.eye(fractions))
        self.write_weight = nn.Parameter(torch.ones(fractions))
        if dynamic:
            # Rows: m for reading, m for mixing, one for writing, of each fraction by itself.
            rows = 2 * fractions + 1
            self.projection = nn.Parameter(torch.zeros(rows, channels // fractions))
            self.width_scale = nn.Parameter(torch.tensor(DYNAMIC_SCALE))
            self.depth_scale = nn.Parameter(torch.tensor(DYNAMIC_SCALE))

    def weights(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Y and A [..., m, m] and b [..., m], for fractions x [..., m, channels / m]."""
        if not self.dynamic:
            return self.read_weight, self.mix_weight, self.write_weight
        m = self.fractions
        dynamic = torch.tanh(nn.functional.linear(x, self.projection) * inverse_rms(x))
        read, mix, write = dynamic.split([m, m, 1], dim=-1)
        return (
            torch.addcmul(self.read_weight, self.width_scale, read),
            torch.addcmul(self.mix_weight, self.width_scale, mix),
            torch.addcmul(self.write_weight, self.depth_scale, write.squeeze(-1)),
        )

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        """The stream after the block, of x's shape; further arguments go to the branch."""
        parts = x.unflatten(-1, (self.fractions, -1))
        read, mix, write = self.weights(parts)
        update = self.branch((read.mT @ parts).flatten(-2), *args, **kwargs)
        update = update.unflatten(-1, (self.fractions, -1))
        return torch.addcmul(mix.mT @ parts, write.unsqueeze(-1), update).flatten(-2)

    def extra_repr(self) -> str:
        return f"fractions={self.fractions}, dynamic={self.dynamic}"
