"""A stack of fully connected blocks, plain or residual.

Residual: x' = x + s f(N(x)) with f = W2 relu(W1 x), a block of He et al. 2016 (arXiv 1603.05027) on
vectors; N a norm or none, s a constant or 1. With s = L^(-1/2) and no norm the signal stays bounded
in the number of blocks L (Hayou et al. 2021, arXiv 2010.12859). Weights: He et al. 2015 (arXiv
1502.01852, equation 10), variance 2/fan-in; stem and head 1/fan-in, as no ReLU is before them.

Test: parameter count; scan finds one identity skip a block and none in the twin.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from plusone.nn.join import checked_count
from plusone.nn.models.branch_only import joined_by
from plusone.nn.models.checks import check_axes
from plusone.nn.norms import NormName, make_norm
from plusone.nn.residual import Residual


class MLP(nn.Module):
    """`forward(x [N, num_inputs])` to [N, num_outputs], through a stem, blocks and a head.

    `skips=False` is the plain twin, with the same parameters; it takes no `scale`, since the
    factor would be part of a weight.
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        *,
        width: int = 128,
        num_blocks: int = 8,
        skips: bool = True,
        norm: NormName | None = None,
        scale: float | None = None,
    ) -> None:
        super().__init__()
        checked_count(num_blocks, "num_blocks")
        self.num_inputs = num_inputs
        self.stem = nn.Linear(num_inputs, width)
        self.blocks = nn.Sequential(
            *(
                Residual(
                    _branch(width),
                    skip=joined_by(skips),
                    norm=None if norm is None else make_norm(norm, width),
                    scale=scale if skips else None,
                )
                for _ in range(num_blocks)
            )
        )
        self.head = nn.Linear(width, num_outputs)
        for layer in (self.stem, self.head):
            nn.init.normal_(layer.weight, std=1 / math.sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Raises:
        InputError: x is no [N, num_inputs].
        """
        check_axes(x, f"vectors [N, {self.num_inputs}]", axes=2, axis=1, size=self.num_inputs)
        logits: Tensor = self.head(self.blocks(self.stem(x)))
        return logits


def _branch(width: int) -> nn.Sequential:
    """relu(W1 x) and W2, of a width that stays; a first ReLU makes a plain stack nonlinear."""
    layers = [nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)]
    for layer in layers[1::2]:
        assert isinstance(layer, nn.Linear)
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)
