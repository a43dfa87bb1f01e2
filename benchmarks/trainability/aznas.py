"""The three proxies of AZ-NAS (Lee and Ham 2024); its fourth is FLOPs, and ranks are added up."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from benchmarks.trainability.nets import Net
from torch import nn


def az_nas(net: Net, x: torch.Tensor) -> dict[str, float]:
    """Expressivity, progressivity and trainability, on the outputs of all layers of the net.

    Expressivity: the entropy of the normalised eigenvalues of the features' covariance over
    places and samples, summed over layers (eqs. 2 and 3). Progressivity: the least increase of it
    from a layer to the next (eq. 4). Trainability: the mean of 2 - s - 1/s, s the largest singular
    value of the Jacobian between neighbouring layers as estimated from one backward of random
    signs (eqs. 5 to 8).
    """
    states = _states(net, x)
    entropies = [_entropy(_rows(s.detach())) for s in states]
    steps = [b - a for a, b in pairwise(entropies)]
    trainabilities = [_trainability(a, b) for a, b in pairwise(states)]
    finite = [t for t in trainabilities if not math.isnan(t)]
    return {
        "az_expressivity": sum(entropies),
        "az_progressivity": min(steps, default=math.nan),
        "az_trainability": sum(finite) / len(finite) if finite else math.nan,
    }


def _states(net: Net, x: torch.Tensor) -> list[torch.Tensor]:
    """What each weighted layer before the head reads, and the head: at most 40, evenly spaced."""
    found: list[torch.Tensor] = []

    def note(module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        found.append(args[0])

    last = "uq" if net.arch.kind == "transformer" else "0123456789"
    names = [n for n in net.layers if n == "head" or (n[0] == "l" and n[-1] in last)]
    handles = [net.layers[n].register_forward_pre_hook(note) for n in names]
    net(x)
    for handle in handles:
        handle.remove()
    return [s for s in found if s.requires_grad]


def _rows(state: torch.Tensor) -> torch.Tensor:
    """[places, channels]."""
    return state.transpose(1, -1).flatten(0, -2) if state.dim() == 4 else state.flatten(0, -2)


def _entropy(rows: torch.Tensor) -> float:
    rows = rows.double()
    rows = rows - rows.mean(0)
    if not bool(torch.isfinite(rows).all()):
        return 0.0
    values = torch.linalg.eigvalsh(rows.T @ rows).clamp_min(0.0)
    if float(values.sum()) == 0.0:
        return 0.0
    p = values / values.sum()
    return -float((p * (p + 1e-8).log()).sum())


def _trainability(start: torch.Tensor, stop: torch.Tensor) -> float:
    signs = torch.randint(0, 2, stop.shape, generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0
    (found,) = torch.autograd.grad(stop, start, signs, retain_graph=True, allow_unused=True)
    if found is None or not bool(torch.isfinite(found).all()):
        return math.nan
    g_in, g_out = _rows(found).double(), _rows(signs).double()
    if len(g_in) != len(g_out):
        return math.nan
    largest = float(torch.linalg.matrix_norm(g_in.T @ g_out / len(g_out), ord=2))
    return 2.0 - largest - 1.0 / (largest + 1e-6)
