"""From end to end: how the gradient and the signal change over the trunk of the net."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from plusone.probe.profile import Profile, per_sample
from plusone.records import NOT_MEASURED, BlockReport, Value


def gradient_ratio(profile: Profile) -> Value:
    """log10(|g_in| / |g_out|), the mean over samples; of the batch where those do not match.

    Where autograd does not see an end of the trunk, the nearest block inside it stands for it.
    """
    start, last = profile.graph.start, profile.graph.last
    if profile.gradient is None or start is None or last is None:
        return NOT_MEASURED
    at = profile.gradient.at
    inside = [profile.graph.blocks[k].output for k in profile.graph.trunk]
    seen = [value for value in inside if value in at]
    if not seen:
        return NOT_MEASURED
    # A model may take its inputs out of autograd.
    start = start if start in at else seen[0]
    last = last if last in at else seen[-1]
    g_in = at[start] * per_sample(profile.trace, start)
    g_out = at[last] * per_sample(profile.trace, last)
    if g_in.shape != g_out.shape:
        g_in, g_out = g_in.mean().reshape(1), g_out.mean().reshape(1)
    arrives = g_out != 0  # a loss may leave a sample out
    if not bool(arrives.any()):
        return Value.of(math.nan)
    logs = 0.5 * torch.log10(g_in[arrives] / g_out[arrives])
    # Some samples that a ReLU shuts out are no verdict on the net; more than half of them are.
    is_shut = logs == -math.inf
    reached = logs[~is_shut] if 2 * int(is_shut.sum()) <= logs.numel() else logs
    n = reached.numel()
    spread = float(reached.std()) / math.sqrt(n) if n > 1 else None
    return Value.of(float(reached.mean()), stderr=spread)


def signal_ratio(blocks: Sequence[BlockReport]) -> Value:
    """log10 of the signal behind the last of the blocks over that behind the first."""
    measured = [b.signal_rms for b in blocks if b.signal_rms.is_measured]
    if len(measured) < 2:
        return NOT_MEASURED
    first, last = float(measured[0]), float(measured[-1])
    if last == 0.0:
        return Value.of(-math.inf)
    if first == 0.0 or not math.isfinite(first):
        return Value.of(math.nan)
    return Value.of(math.log10(last / first) if last > 0 else math.nan)
