"""Symmetric matrices of known spectra, as operators."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Matrix:
    """A dense symmetric matrix that counts its products."""

    matrix: Tensor

    @property
    def size(self) -> int:
        return len(self.matrix)

    @property
    def dtype(self) -> torch.dtype:
        return self.matrix.dtype

    @property
    def device(self) -> torch.device:
        return self.matrix.device

    def matvec(self, v: Tensor, /) -> Tensor:
        return self.matrix @ v


def with_spectrum(values: Tensor, seed: int = 0) -> Matrix:
    """A random rotation of the diagonal matrix of `values`."""
    generator = torch.Generator().manual_seed(seed)
    n = len(values)
    Q, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    matrix = (Q * values.double()) @ Q.T
    return Matrix(((matrix + matrix.T) / 2).to(values.dtype))


def like_a_hessian(size: int, seed: int = 0) -> Matrix:
    """A few large eigenvalues, a bulk around zero, and a negative edge."""
    generator = torch.Generator().manual_seed(seed)
    bulk = 0.3 * torch.randn(size, generator=generator, dtype=torch.float64)
    bulk[:8] = 4 + 20 * torch.rand(8, generator=generator, dtype=torch.float64)
    return with_spectrum(bulk, seed + 1)
