"""What a solver found, and how well."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """The solution u, and |f - A u| / |f| (Euclidean, all samples together) before each cycle and
    at the end; `is_converged` says whether the last is within the tolerance."""

    u: Tensor
    residuals: tuple[float, ...]
    is_converged: bool

    @property
    def num_cycles(self) -> int:
        """How many cycles were run."""
        return len(self.residuals) - 1
