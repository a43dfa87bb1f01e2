"""Whether a model is to give back its input, as an autoencoder does."""

from __future__ import annotations

import math

import torch

from plusone.capture.nested import tensors_in
from plusone.capture.trace import Trace
from plusone.graph.opkinds import NOISE, base_name
from plusone.target.subject import Subject

# A target is the input where their correlation over the samples is at least this, so that it may
# be scaled, shifted or rounded to eight bits, but not cleaned of noise. Where the model draws noise
# for a code, as a VAE, less is asked: binary targets have 0.9 and more.
_SAME, _SAME_OF_NOISY = 0.99995, 0.9
# Fewer samples tell no correlation.
_LEAST_SAMPLES = 4


def gives_back_input(subject: Subject, trace: Trace) -> bool | None:
    """Whether some target holds the numbers of some input; None where it may, and nothing tells.

    The same numbers are those that are equal but for scale, shift and small changes. Without
    targets, a model whose output has as many numbers as its only input may be an autoencoder; one
    that is told more than the input (the time of a diffusion) is none.
    """
    floats = [t for t in tensors_in((subject.args, subject.kwargs)) if t.is_floating_point()]
    if subject.targets is not None:
        wanted = [t for t in tensors_in(subject.targets) if t.is_floating_point()]
        is_noisy = any(base_name(op.name) in NOISE for op in trace.ops)
        least = _SAME_OF_NOISY if is_noisy else _SAME
        return any(_are_the_same(a, b, least) for a in floats for b in wanted)
    is_alone = len(tensors_in((subject.args, subject.kwargs))) == 1
    sizes = {math.prod(trace.ops[op].shapes[max(out, 0)]) for op, out in trace.outputs}
    return None if is_alone and any(t.numel() in sizes for t in floats) else False


def _are_the_same(a: torch.Tensor, b: torch.Tensor, least: float) -> bool:
    if a.numel() != b.numel() or a.is_meta or b.is_meta or not a.dim():
        return False
    if torch.equal(a.reshape(-1), b.reshape(-1).to(a)):
        return True
    if len(a) < _LEAST_SAMPLES or b.shape[:1] != a.shape[:1]:
        return False
    pair = [t.detach().reshape(len(t), -1).to(a.device, torch.float64) for t in (a, b)]
    return _correlation(*(t - t.mean(0) for t in pair)) >= least


def _correlation(a_NC: torch.Tensor, b_NC: torch.Tensor) -> float:
    """Of centred numbers: over all, or its mean over those that vary, whichever is more."""
    product, a, b = ((x * y).sum(0) for x, y in ((a_NC, b_NC), (a_NC, a_NC), (b_NC, b_NC)))
    varies = (a > 0) | (b > 0)
    if not bool(varies.any()):
        return 0.0
    each = product[varies] / (a * b)[varies].sqrt().clamp_min(1e-300)
    whole = product.sum() / (a.sum() * b.sum()).sqrt().clamp_min(1e-300)
    return max(float(each.mean()), float(whole))
