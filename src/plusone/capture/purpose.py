"""Whether a model is to give back its input, as an autoencoder does."""

from __future__ import annotations

import math

import torch

from plusone.capture.nested import tensors_in
from plusone.capture.trace import Trace
from plusone.target.subject import Subject


def gives_back_input(subject: Subject, trace: Trace) -> bool | None:
    """Whether some target holds the numbers of some input; None where it may, and nothing tells.

    Without targets, a model whose output has as many numbers as its only input may be an
    autoencoder; one that is told more than the input (the time of a diffusion) is none.
    """
    floats = [t for t in tensors_in((subject.args, subject.kwargs)) if t.is_floating_point()]
    if subject.targets is not None:
        wanted = [t for t in tensors_in(subject.targets) if t.is_floating_point()]
        return any(_are_equal(a, b) for a in floats for b in wanted)
    is_alone = len(tensors_in((subject.args, subject.kwargs))) == 1
    sizes = {math.prod(trace.ops[op].shapes[max(out, 0)]) for op, out in trace.outputs}
    return None if is_alone and any(t.numel() in sizes for t in floats) else False


def _are_equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.numel() == b.numel() and torch.equal(a.reshape(-1), b.reshape(-1).to(a))
