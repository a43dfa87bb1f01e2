"""A loss applied to what a model returned: one number, or a sentence that says why not."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from plusone.errors import InputError
from plusone.target.subject import LossFn
from plusone.target.suggest import a


def scalar_loss(loss_fn: LossFn, result: object, targets: object | None) -> torch.Tensor:
    """The loss of `result` as a tensor without dimensions.

    Raises:
        InputError: the loss raised, or gave anything but one number.
    """
    name = loss_name(loss_fn)
    try:
        loss = loss_fn(result, targets) if targets is not None else loss_fn(result)
    except Exception as error:
        what = " ".join(str(error).split())[:200]
        raise InputError(
            f"the loss {name} raised {type(error).__name__}: {what}; check that targets and "
            "output fit it"
        ) from error
    if not isinstance(loss, torch.Tensor):
        raise InputError(
            f"the loss {name} returned {a(loss)}; it must return one number as a tensor"
        )
    if loss.numel() != 1:
        raise InputError(
            f"the loss {name} must be one number, but it returned the shape {tuple(loss.shape)}: "
            "take its mean"
        )
    return loss.reshape(())


def check_has_gradient(loss: torch.Tensor, loss_fn: LossFn) -> None:
    """Raises where autograd knows no way from the loss back to anything."""
    if not loss.requires_grad:
        raise InputError(
            f"the loss {loss_name(loss_fn)} has no gradient: it detaches the output (detach, item, "
            "no_grad), or nothing in it depends on the parameters"
        )


def own_loss(result: object) -> torch.Tensor | None:
    """The loss that a model computed by itself and returned by name, if it did."""
    found = result.get("loss") if isinstance(result, Mapping) else None
    return found if isinstance(found, torch.Tensor) and found.dim() == 0 else None


def loss_name(loss_fn: LossFn) -> str:
    """The loss in words: the name of its function or class."""
    return str(getattr(loss_fn, "__name__", type(loss_fn).__name__))
