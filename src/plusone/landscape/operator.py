"""What the numerical routines need of a symmetric matrix, and starts to probe it with."""

from __future__ import annotations

from typing import Protocol

import torch


class SymmetricOperator(Protocol):
    """A symmetric matrix that is known by its products: a Hessian, or any matrix in a test."""

    @property
    def size(self) -> int:
        """The number of rows, and of columns."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the vectors."""

    @property
    def device(self) -> torch.device:
        """Of the vectors."""

    def matvec(self, v: torch.Tensor, /) -> torch.Tensor:
        """The product with a vector of `size` numbers."""


def own_generator(generator: torch.Generator | None) -> torch.Generator:
    """A generator seeded by the caller's, or by 0.

    The caller's draws a seed, not the vectors: a user who seeds weights and probes alike would
    otherwise probe the Hessian along the very numbers that made its weights.
    """
    if generator is None:
        return torch.Generator().manual_seed(0)
    seed = torch.randint(2**62, (), generator=generator, device=generator.device)
    return torch.Generator().manual_seed(int(seed))


def random_unit(operator: SymmetricOperator, generator: torch.Generator) -> torch.Tensor:
    """A vector uniform on the unit sphere."""
    v = torch.randn(operator.size, generator=generator, dtype=operator.dtype)
    v /= torch.linalg.vector_norm(v)
    return v.to(operator.device)


def random_signs(operator: SymmetricOperator, generator: torch.Generator) -> torch.Tensor:
    """A vector of independent signs, +1 or -1 with equal probability (Rademacher)."""
    bits = torch.randint(2, (operator.size,), generator=generator)
    return (2 * bits - 1).to(operator.device, operator.dtype)
