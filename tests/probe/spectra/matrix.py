"""Dense matrices as operators."""

from __future__ import annotations

import torch


class MatrixOperator:
    """A batch of matrices [B, M, N]; `transpose` overrides the transposes, to break them."""

    def __init__(self, A_BMN: torch.Tensor, transpose: torch.Tensor | None = None) -> None:
        self.A = A_BMN
        self.At = A_BMN.mT if transpose is None else transpose
        self.num_samples, self.num_outputs, self.num_inputs = A_BMN.shape
        self.dtype, self.device = A_BMN.dtype, A_BMN.device

    def matvec(self, v_BN: torch.Tensor, /) -> torch.Tensor:
        return torch.einsum("bmn,bn->bm", self.A, v_BN)

    def rmatvec(self, u_BM: torch.Tensor, /) -> torch.Tensor:
        return torch.einsum("bnm,bm->bn", self.At, u_BM)
