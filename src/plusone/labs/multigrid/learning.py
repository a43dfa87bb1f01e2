"""Training a V-cycle to contract: its smoothers, and then its transfers too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from plusone.labs.multigrid.factors import JACOBI, factor
from plusone.nn import VCycle

TRAINED_SIDE, BATCH = 31, 4
NUM_BEFORE, NUM_AFTER = 6, 4
"""Cycles that bring out the slowest errors, and those whose contraction is the loss."""


def trained(
    sides: Sequence[int], steps: tuple[int, int], generator: torch.Generator
) -> Mapping[str, object]:
    """Factors over the grids of V(1,1) with 3 x 3 smoothers trained on 31 x 31 by steps[0] of Adam,
    then with the transfers trained on for steps[1] more; and both losses."""
    cycle = VCycle(pre=1, post=1, weights=(JACOBI, JACOBI), kernel_size=3, dtype=torch.float64)
    losses = [fitted(cycle, [cycle.smoothers], steps[0], 1e-2, generator)]
    found: dict[str, object] = {
        "smoothers": [factor(cycle, side, generator) for side in sides],
        "kernels": cycle.smoothers.detach().clone(),
    }
    transfers = [cycle.restriction, cycle.prolongation]
    for kernel in transfers:
        kernel.requires_grad_()
    losses.append(fitted(cycle, [cycle.smoothers, *transfers], steps[1], 2e-3, generator))
    return {
        **found,
        "transfers": [factor(cycle, side, generator) for side in sides],
        "losses": losses,
    }


def fitted(
    cycle: VCycle,
    parameters: Sequence[nn.Parameter],
    steps: int,
    rate: float,
    generator: torch.Generator,
) -> list[float]:
    """The loss of each step: the mean over cycles and errors of ln of the contraction, f = 0.

    The factor is a power's limit; six cycles without gradients take random errors near the slowest
    ones, so that what is trained is what limits (Greenfeld et al. 2019, arXiv 1902.10248, train a
    bound of the same).
    """
    optimizer = torch.optim.Adam(parameters, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    zero = torch.zeros(BATCH, TRAINED_SIDE, TRAINED_SIDE, dtype=torch.float64)
    losses = []
    for _ in range(steps):
        u = torch.randn(zero.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            for _ in range(NUM_BEFORE):
                u = cycle(u, zero)
                u = u / u.flatten(1).norm(dim=1)[:, None, None]
        start = u.flatten(1).norm(dim=1)
        for _ in range(NUM_AFTER):
            u = cycle(u, zero)
        loss = ((u.flatten(1).norm(dim=1) / start).log() / NUM_AFTER).mean()
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return losses
