"""DeepNorm: y = N(alpha x + f(x)), with the branch's values and outputs drawn at gain beta.

Wang et al. 2022 (arXiv 2203.00555, section 4, figure 2). With B residual branches (two a layer in
an encoder, three in a decoder that attends to an encoder) alpha = B^(1/4), beta = (4 B)^(-1/4);
an encoder of N layers beside a decoder of M has 0.81 (N^4 M)^(1/16) and 0.87 (N^4 M)^(-1/16).
`initialize_(model, method="deepnorm")` sets both.

Test: the paper's table; one step's change of the output is flat in depth, where post-norm's grows.
It is so for the weights that the theory updates (values, outputs, feed-forward); with the norms'
gains and all biases updated too it grows again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plusone.errors import InputError
from plusone.nn.join import Join, checked_count


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepNormCoefficients:
    """`alpha` multiplies the skip; `beta` is the gain at which the branch's weights are drawn."""

    alpha: float
    beta: float

    @classmethod
    def of_branches(cls, num_branches: int) -> DeepNormCoefficients:
        """Of a stack of so many branches: B^(1/4) and (4 B)^(-1/4)."""
        count = checked_count(num_branches, "num_branches")
        return cls(alpha=count**0.25, beta=(4 * count) ** -0.25)


def deepnorm_coefficients(
    *, num_encoder_layers: int = 0, num_decoder_layers: int = 0
) -> tuple[DeepNormCoefficients | None, DeepNormCoefficients | None]:
    """The coefficients of encoder and decoder (None where there is none), as in figure 2.

    A decoder alone has no attention to an encoder, so two branches a layer.
    """
    encoder, decoder = num_encoder_layers, num_decoder_layers
    if min(encoder, decoder) < 0 or not encoder + decoder:
        raise InputError(
            f"A model of {encoder} encoder and {decoder} decoder layers has no coefficients: give "
            "one layer or more."
        )
    if not decoder:
        return DeepNormCoefficients.of_branches(2 * encoder), None
    if not encoder:
        return None, DeepNormCoefficients.of_branches(2 * decoder)
    size = (encoder**4 * decoder) ** (1 / 16)
    return (
        DeepNormCoefficients(alpha=0.81 * size, beta=0.87 / size),
        DeepNormCoefficients.of_branches(3 * decoder),
    )


class DeepNorm(Join):
    """y = alpha x + f(x), in one pass over memory; goes before a post-norm."""

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = float(alpha)

    def forward(self, skip: Tensor, branch: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return torch.add(branch, skip, alpha=self.alpha)
        return torch.add(branch * mask, skip, alpha=self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha:.4g}"
