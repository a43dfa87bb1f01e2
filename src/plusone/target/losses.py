"""The losses that `--loss` names, on any model's output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch.nn import functional as F
from torch.utils import _pytree as pytree

from plusone.errors import InputError
from plusone.target.subject import LossFn


def named_loss(name: Literal["cross-entropy", "mse"], *, seed: int) -> LossFn:
    """The loss as a function of (output, targets); without targets, of random ones.

    Random targets are the same at every call: uniform classes for cross-entropy, standard normal
    for mse. The classes lie on the last axis of an output of two or three axes (logits of samples
    or of tokens) and on the second axis of a larger one (logits of pixels).
    """
    measure = _cross_entropy if name == "cross-entropy" else _squared_error

    def loss(output: object, targets: torch.Tensor | None = None) -> torch.Tensor:
        return measure(_prediction(output), targets, torch.Generator().manual_seed(seed))

    return loss


def _prediction(output: object) -> torch.Tensor:
    """The logits of an output that names them, otherwise its first tensor of real numbers."""
    logits = output.get("logits") if isinstance(output, Mapping) else None
    for leaf in (logits, *pytree.tree_leaves(output)):
        if isinstance(leaf, torch.Tensor) and leaf.is_floating_point():
            return leaf
    raise InputError(
        "the model's output holds no tensor of real numbers, so --loss cannot be computed: "
        "leave --loss out, or give your own loss_fn"
    )


def _cross_entropy(
    prediction: torch.Tensor, targets: torch.Tensor | None, generator: torch.Generator
) -> torch.Tensor:
    if prediction.dim() < 2:
        raise InputError(
            f"--loss cross-entropy needs logits for each sample, but the output has the shape "
            f"{tuple(prediction.shape)}: use --loss mse"
        )
    logits = prediction.movedim(-1, 1) if prediction.dim() == 3 else prediction
    if targets is None:
        shape = (logits.shape[0], *logits.shape[2:])
        targets = torch.randint(logits.shape[1], shape, generator=generator).to(logits.device)
    return F.cross_entropy(logits, targets)


def _squared_error(
    prediction: torch.Tensor, targets: torch.Tensor | None, generator: torch.Generator
) -> torch.Tensor:
    if targets is None:
        targets = torch.randn(prediction.shape, generator=generator).to(prediction)
    return F.mse_loss(prediction, targets)
