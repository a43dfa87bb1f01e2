"""Whether a model is to give back its input, as an autoencoder does."""

from __future__ import annotations

import math

import torch

from plusone.capture.nested import tensors_in
from plusone.capture.trace import Trace
from plusone.graph.opkinds import NOISE, base_name
from plusone.target.subject import Subject

# A target is the input where their correlation is at least this: scaled, shifted or rounded it
# stays so. Where the model draws noise for a code, as a VAE, less is asked: MNIST and its binary
# version have 0.96, microscope pictures of nuclei and their masks 0.74.
_SAME, _SAME_OF_NOISY = 0.99, 0.9


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
    if a.numel() != b.numel() or a.is_meta or b.is_meta:
        return False
    pair = torch.stack([t.detach().reshape(-1).to(a.device, torch.float64) for t in (a, b)])
    if torch.equal(pair[0], pair[1]):
        return True
    return a.numel() > 2 and bool(torch.corrcoef(pair)[0, 1] >= least)
