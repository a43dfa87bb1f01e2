"""Stochastic depth: in training each branch is dropped with probability p, else divided by 1 - p.

Huang et al. 2016 (arXiv 1603.09382, equations 2 and 4): block l of L survives with probability
1 - (l/L)(1 - p_L), so that with p_L = 0.5 the expected depth is (3L - 1)/4. They scale the branch
by its survival at evaluation; here, as in timm and torchvision, a branch that is kept is divided
by it in training. Mean over the drops and evaluation agree where the block is linear in the branch.

Modes: "row" drops each sample on its own, "batch" all at once, "subset" draws a fixed number of
rows, round((1 - p) N) of N and at least one, and computes the branch for these alone (Oquab et al.
2023, arXiv 2304.07193, section 5), which saves the time of the others.

Test: mean and variance p/(1 - p) f^2 over draws, the schedule's ends, equality with timm's DropPath
and torchvision's StochasticDepth at the same random state.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.join import checked_count, checked_number

Mode = Literal["row", "batch", "subset"]


def linear_schedule(num_blocks: int, last: float) -> tuple[float, ...]:
    """The probability of being dropped for blocks 1 to num_blocks: (l / num_blocks) last."""
    count = checked_count(num_blocks, "num_blocks")
    last = checked_number(last, "The last block's probability of being dropped", 0, 1)
    return tuple(last * (layer / count) for layer in range(1, count + 1))


class StochasticDepth(nn.Module):
    """Drops a branch with `probability` in training; as a module of its own, h to h * mask.

    In a `Residual` the mask is fused into the sum. The rows are along axis 0.
    """

    def __init__(self, probability: float, mode: Mode = "row") -> None:
        super().__init__()
        self.probability = checked_number(probability, "The probability of being dropped", 0, 1)
        if mode not in get_args(Mode):
            raise InputError(f"mode is {mode!r}; it must be one of {', '.join(get_args(Mode))}.")
        if mode == "subset" and self.probability == 1:
            raise InputError("In subset mode one row is kept at least: give a probability below 1.")
        self.mode = mode

    @property
    def is_active(self) -> bool:
        """Whether anything is dropped now."""
        return self.training and self.probability > 0

    def mask(self, branch: Tensor) -> Tensor | None:
        """0 or 1/(1 - p) for each row, to be broadcast against the branch; None if inactive."""
        if not self.is_active:
            return None
        keep = 1 - self.probability
        num_rows = 1 if self.mode == "batch" else branch.shape[0]
        mask = branch.new_empty((num_rows,) + (1,) * (branch.dim() - 1)).bernoulli_(keep)
        return mask.div_(keep) if keep else mask

    def rows(self, x: Tensor) -> Tensor:
        """Which rows are computed in subset mode, in random order, shape [kept]."""
        num_rows = x.shape[0]
        kept = max(round((1 - self.probability) * num_rows), 1)
        return torch.randperm(num_rows, device=x.device)[:kept]

    def forward(self, branch: Tensor) -> Tensor:
        if self.mode == "subset" and self.is_active:
            raise InputError(
                "Stochastic depth in subset mode chooses the rows before the branch is computed, "
                "so it works in Residual(branch, drop=...) and not on a branch's output."
            )
        mask = self.mask(branch)
        return branch if mask is None else branch * mask

    def extra_repr(self) -> str:
        return f"probability={self.probability:g}, mode={self.mode}"
