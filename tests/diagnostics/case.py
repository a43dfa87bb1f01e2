"""One case of a structural diagnostic: a model with the fault, or a healthy one of its kind."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import plusone
from faults.case import Built
from plusone.report.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`source` is the library that the model comes from, or "own"; `miss` says why it is known to
    be judged wrongly."""

    code: str
    name: str
    source: str
    has_fault: bool
    build: Callable[[], Built]
    miss: str = ""


def judged(case: Case) -> Report:
    """A quick scan that asks for the case's code alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        built = case.build()
        return plusone.scan(
            built.model,
            built.inputs,
            built.targets,
            built.loss_fn,
            quick=True,
            timed=False,
            select=(case.code,),
        )


def is_accused(case: Case) -> bool:
    """Whether the scan finds the case's code."""
    return bool(judged(case).findings)


def first_output(result: object) -> Tensor:
    """The tensor, or the first of what a model returns."""
    if isinstance(result, Tensor):
        return result
    if isinstance(result, dict):
        return first_output(next(iter(result.values())))
    assert isinstance(result, tuple)
    return first_output(result[0])


def squares(result: object, wanted: Tensor) -> Tensor:
    """The mean squared error of the first output."""
    return F.mse_loss(first_output(result), wanted)


def giving_back(model: nn.Module, x: Tensor) -> Built:
    """The model as an autoencoder of x."""
    return Built(model=model, inputs=x, targets=x, loss_fn=squares)


def silenced(encoder: nn.Module) -> None:
    """Make every feature of an encoder but the last one zero: the skips are there, and empty."""
    forward = encoder.forward

    def empty(*args: object) -> list[Tensor]:
        *finer, last = forward(*args)
        return [*(torch.zeros_like(t) for t in finer), last]

    encoder.forward = empty  # type: ignore[method-assign]
