"""What a model is trained for when a repair is tried: its own loss, or a stand-in."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from plusone.capture.nested import tensors_in
from plusone.target.subject import Subject

Loss = Callable[[object], torch.Tensor]

# The largest random map from inputs to targets, in numbers.
_LARGEST = 10_000_000


def task_of(subject: Subject, seed: int) -> tuple[Loss, str]:
    """The loss as a function of the model's output, and what it is in words."""
    fn, targets = subject.loss_fn, subject.targets
    if fn is not None:
        name = getattr(fn, "__name__", type(fn).__name__)
        return (lambda output: fn(output) if targets is None else fn(output, targets)), name
    wanted: dict[tuple[int, ...], torch.Tensor] = {}

    def stand_in(output: object) -> torch.Tensor:
        first = next(t for t in tensors_in(output) if t.is_floating_point())
        shape = tuple(first.shape)
        if shape not in wanted:
            wanted[shape] = _mapped(subject, first, seed)
        return F.mse_loss(first, wanted[shape])

    return stand_in, "a stand-in, as the target has no loss: a random linear map of its inputs"


def _mapped(subject: Subject, output: torch.Tensor, seed: int) -> torch.Tensor:
    """Targets of unit variance: a fixed random map of each sample, or noise for whole numbers."""
    generator = torch.Generator().manual_seed(seed)
    inputs = [t for t in tensors_in((subject.args, subject.kwargs)) if t.is_floating_point()]
    first = next((t for t in inputs if t.dim() and t.shape[:1] == output.shape[:1]), None)
    if first is None or not output.dim():
        return torch.randn(output.shape, generator=generator).to(output)
    x = first.detach().reshape(first.shape[0], -1).float().cpu()
    size = output[0].numel()
    if x.shape[1] * size > _LARGEST:
        return torch.randn(output.shape, generator=generator).to(output)
    made = x @ torch.randn(x.shape[1], size, generator=generator)
    made = (made - made.mean(0)) / made.std(0).clamp_min(1e-6) if len(made) > 1 else made
    return made.reshape(output.shape).to(output)
