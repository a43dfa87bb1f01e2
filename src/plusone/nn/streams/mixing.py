"""The residual mapping H_res of a multi-stream block: from logits to an n x n matrix.

X' = H_res X + ..., with rows for the streams that are written and columns for those that are read.
(DeepSeek's kernels and transformers' DeepSeek-V4 store the transpose. Both have the same row and
column sums, so that no test of sums tells them apart.)

| name            | matrix                                 | exact | logits     | keeps           |
|-----------------|----------------------------------------|-------|------------|-----------------|
| sinkhorn        | doubly stochastic, 20 rounds           | rows  | n^2        | mean of streams |
| birkhoff        | doubly stochastic, of all permutations | yes   | n!         | mean of streams |
| kronecker       | doubly stochastic, of 2 x 2 factors    | yes   | 2 log2 n   | mean of streams |
| orthostochastic | squares of an orthogonal matrix        | yes   | n(n - 1)/2 | mean of streams |
| orthogonal      | Cayley's transform of a skew matrix    | yes   | n(n - 1)/2 | norm of streams |
| free            | the logits themselves                  |       | n^2        | nothing         |
| identity        | I, no parameters                       | yes   | 0          | each stream     |

A doubly stochastic matrix has no singular value above 1, nor has any product of them: the stream's
forward and backward gain stay bounded over depth (mHC, arXiv 2512.24880, section 4.1).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.streams.birkhoff import OTHERS_LOGIT, birkhoff, kronecker, permutation_matrices
from plusone.nn.streams.orthogonal import (
    ORTHOSTOCHASTIC_ANGLE,
    cayley,
    num_angles,
    orthostochastic,
)
from plusone.nn.streams.sinkhorn import SINKHORN_ROUNDS, Gradient, sinkhorn

MixingName = Literal[
    "sinkhorn", "birkhoff", "kronecker", "orthostochastic", "orthogonal", "free", "identity"
]

# mHC, appendix A.6: b_res = 6 I - 3, a diagonal of 0.9926 for 4 streams.
SINKHORN_DIAGONAL, SINKHORN_OTHERS = 3.0, -3.0


class Mixing(nn.Module):
    """A map from `num_logits` logits to an n x n matrix, and the logits that it starts from."""

    num_logits: int

    def __init__(self, streams: int) -> None:
        super().__init__()
        self.streams = streams

    def initial(self) -> Tensor:
        """The logits [num_logits] at initialisation."""
        raise NotImplementedError

    def forward(self, logits: Tensor) -> Tensor:
        """Matrices [..., n, n] of logits [..., num_logits]."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        return f"streams={self.streams}"


class SinkhornMixing(Mixing):
    """Doubly stochastic by Sinkhorn's rounds (mHC, arXiv 2512.24880, equation 8)."""

    def __init__(
        self, streams: int, rounds: int = SINKHORN_ROUNDS, gradient: Gradient = "rounds"
    ) -> None:
        super().__init__(streams)
        self.num_logits = streams * streams
        self.rounds = rounds
        self.gradient: Gradient = gradient

    def initial(self) -> Tensor:
        off = torch.full((self.streams, self.streams), SINKHORN_OTHERS)
        return off.fill_diagonal_(SINKHORN_DIAGONAL).flatten()

    def forward(self, logits: Tensor) -> Tensor:
        square = logits.unflatten(-1, (self.streams, self.streams))
        return sinkhorn(square, self.rounds, gradient=self.gradient)


class BirkhoffMixing(Mixing):
    """Doubly stochastic as a convex combination of all permutations (arXiv 2601.05732)."""

    permutations: Tensor

    def __init__(self, streams: int) -> None:
        super().__init__(streams)
        matrices = permutation_matrices(streams)
        self.num_logits = len(matrices)
        self.register_buffer("permutations", matrices, persistent=False)

    def initial(self) -> Tensor:
        return torch.cat([torch.zeros(1), torch.full((self.num_logits - 1,), OTHERS_LOGIT)])

    def forward(self, logits: Tensor) -> Tensor:
        return birkhoff(logits, self.permutations.to(logits.dtype))


class KroneckerMixing(Mixing):
    """Doubly stochastic as a Kronecker product of 2 x 2 factors (KromHC, arXiv 2601.21579)."""

    def __init__(self, streams: int) -> None:
        super().__init__(streams)
        num_factors = streams.bit_length() - 1
        if streams < 2 or streams != 2**num_factors:
            raise InputError(
                f"mixing='kronecker' needs a power of two as streams; got {streams}. "
                "Use 'sinkhorn' or 'birkhoff'."
            )
        self.num_logits = 2 * num_factors

    def initial(self) -> Tensor:
        return torch.tensor([0.0, OTHERS_LOGIT]).repeat(self.num_logits // 2)

    def forward(self, logits: Tensor) -> Tensor:
        return kronecker(logits)


class OrthogonalMixing(Mixing):
    """Orthogonal by Cayley's transform (JPmHC, arXiv 2602.18308); I at initialisation."""

    def __init__(self, streams: int) -> None:
        super().__init__(streams)
        self.num_logits = num_angles(streams)

    def initial(self) -> Tensor:
        return torch.zeros(self.num_logits)

    def forward(self, logits: Tensor) -> Tensor:
        return cayley(logits, self.streams)


class OrthostochasticMixing(Mixing):
    """Doubly stochastic as the squares of an orthogonal matrix; not I, where it could not learn."""

    def __init__(self, streams: int) -> None:
        super().__init__(streams)
        self.num_logits = num_angles(streams)

    def initial(self) -> Tensor:
        return torch.full((self.num_logits,), ORTHOSTOCHASTIC_ANGLE)

    def forward(self, logits: Tensor) -> Tensor:
        return orthostochastic(logits, self.streams)


class FreeMixing(Mixing):
    """Any matrix, I at initialisation: products over depth may grow or vanish exponentially."""

    def __init__(self, streams: int) -> None:
        super().__init__(streams)
        self.num_logits = streams * streams

    def initial(self) -> Tensor:
        return torch.eye(self.streams).flatten()

    def forward(self, logits: Tensor) -> Tensor:
        square: Tensor = logits.unflatten(-1, (self.streams, self.streams))
        return square


_BY_NAME: dict[str, type[Mixing]] = {
    "sinkhorn": SinkhornMixing,
    "birkhoff": BirkhoffMixing,
    "kronecker": KroneckerMixing,
    "orthostochastic": OrthostochasticMixing,
    "orthogonal": OrthogonalMixing,
    "free": FreeMixing,
}


def mixing_of(mixing: MixingName | Mixing, streams: int) -> Mixing | None:
    """The mixing of that name, or the one given; None for 'identity', which has nothing to do.

    Raises:
        InputError: for an unknown name, or a mixing made for another number of streams.
    """
    if isinstance(mixing, Mixing):
        if mixing.streams != streams:
            raise InputError(
                f"The mixing was made for {mixing.streams} streams, the block has {streams}."
            )
        return mixing
    if mixing == "identity":
        return None
    if mixing not in _BY_NAME:
        names = ", ".join([*_BY_NAME, "identity"])
        raise InputError(f"The mixing is one of {names}; got {mixing!r}.")
    return _BY_NAME[mixing](streams)
