"""What a linear operator on batches of vectors is, and operators made from others.

Shape suffixes: B samples, N inputs per sample, M outputs per sample.
"""

from __future__ import annotations

from typing import Protocol

import torch


class Operator(Protocol):
    """`num_samples` independent linear maps from R^N to R^M, applied side by side."""

    num_samples: int
    num_inputs: int
    num_outputs: int
    dtype: torch.dtype
    device: torch.device

    def matvec(self, v_BN: torch.Tensor, /) -> torch.Tensor:
        """J v, [B, M]."""

    def rmatvec(self, u_BM: torch.Tensor, /) -> torch.Tensor:
        """J^T u, [B, N]."""


class IdentityPlus:
    """I + J for a square Jacobian: the Jacobian of x + F(x) from products of F's alone."""

    def __init__(self, operator: Operator) -> None:
        assert operator.num_inputs == operator.num_outputs, "I + J needs a square J"
        self._operator = operator
        self.num_samples = operator.num_samples
        self.num_inputs = operator.num_inputs
        self.num_outputs = operator.num_outputs
        self.dtype = operator.dtype
        self.device = operator.device

    def matvec(self, v_BN: torch.Tensor, /) -> torch.Tensor:
        """v + J v."""
        return v_BN + self._operator.matvec(v_BN)

    def rmatvec(self, u_BM: torch.Tensor, /) -> torch.Tensor:
        """u + J^T u."""
        return u_BM + self._operator.rmatvec(u_BM)


class Scaled:
    """c J: the Jacobian of a branch that enters its join times a number c."""

    def __init__(self, operator: Operator, factor: float) -> None:
        self._operator = operator
        self._factor = factor
        self.num_samples = operator.num_samples
        self.num_inputs = operator.num_inputs
        self.num_outputs = operator.num_outputs
        self.dtype = operator.dtype
        self.device = operator.device

    def matvec(self, v_BN: torch.Tensor, /) -> torch.Tensor:
        """c J v."""
        return self._factor * self._operator.matvec(v_BN)

    def rmatvec(self, u_BM: torch.Tensor, /) -> torch.Tensor:
        """c J^T u."""
        return self._factor * self._operator.rmatvec(u_BM)


class Transposed:
    """J^T: what maps forward maps back."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self.num_samples = operator.num_samples
        self.num_inputs = operator.num_outputs
        self.num_outputs = operator.num_inputs
        self.dtype = operator.dtype
        self.device = operator.device

    def matvec(self, v_BN: torch.Tensor, /) -> torch.Tensor:
        """J^T v."""
        return self._operator.rmatvec(v_BN)

    def rmatvec(self, u_BM: torch.Tensor, /) -> torch.Tensor:
        """J u."""
        return self._operator.matvec(u_BM)
