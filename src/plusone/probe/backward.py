"""Backward passes that touch no `.grad`: from a loss, or from random cotangents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.autograd.graph import GradientEdge
from torch.utils._pytree import tree_leaves

from plusone.capture.eager import Recording
from plusone.errors import InputError
from plusone.probe.gradient import random_cotangents
from plusone.target.members import parameters_of
from plusone.target.scalar_loss import check_has_gradient, scalar_loss
from plusone.target.subject import LossFn


class Backward:
    """The backward of one recording: from `loss_fn`, from the model's own loss, or random.

    Raises:
        InputError: nothing that the model returned has a gradient, or the loss is no scalar.
    """

    def __init__(
        self,
        recording: Recording,
        model: nn.Module,
        *,
        targets: object | None,
        loss_fn: LossFn | None,
    ) -> None:
        self._loss = recording.loss
        if loss_fn is not None:
            self._loss = scalar_loss(loss_fn, recording.result, targets)
            check_has_gradient(self._loss, loss_fn)
        self.outputs = [t for t in recording.outputs if t.requires_grad]
        self.roots: list[torch.Tensor] = (
            [self._loss] if self._loss is not None else list(self.outputs)
        )
        if not self.roots:
            raise InputError(_no_gradient(recording))
        names = [(n, p) for n, p in parameters_of(model) if p.requires_grad]
        self._names = [n for n, _ in names]
        self.parameters = [p for _, p in names]
        # Gradients must flow through the whole net, also where all parameters are frozen.
        self._targets = self.parameters + [t for t in recording.leaves if t.requires_grad]

    def leave_out_inputs(self) -> None:
        """Compute no gradient of the inputs, which costs the first layer a product."""
        self._targets = self.parameters

    @property
    def is_random(self) -> bool:
        """Whether random cotangents stand for a loss."""
        return self._loss is None

    def run(
        self, *, repeats: int, generator: torch.Generator, keep_graph: bool = False
    ) -> dict[str, torch.Tensor | None]:
        """The parameters' gradients of the last of `repeats` passes; a loss needs but one."""
        passes = 1 if self._loss is not None else max(repeats, 1)
        gradients: Sequence[torch.Tensor | None] = ()
        for k in range(passes):
            cotangents = None
            if self._loss is None:
                cotangents = random_cotangents(self.roots, generator)
            gradients = torch.autograd.grad(
                self.roots,
                self._targets,
                cotangents,
                retain_graph=keep_graph or k < passes - 1,
                allow_unused=True,
            )
        return dict(zip(self._names, gradients[: len(self._names)], strict=True))

    def run_from(
        self, edge: GradientEdge, *, generator: torch.Generator, keep_graph: bool = False
    ) -> dict[str, torch.Tensor | None]:
        """The parameters' gradients from a random cotangent at `edge` instead of the output."""
        gradients = torch.autograd.grad(
            (edge,),
            self._targets,
            random_cotangents((edge,), generator),
            retain_graph=keep_graph,
            allow_unused=True,
        )
        return dict(zip(self._names, gradients[: len(self._names)], strict=True))

    @staticmethod
    def plain(
        model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], parameters: Sequence[Any]
    ) -> None:
        """One forward and backward as a training step does it, for timing."""
        result = model(*args, **kwargs)
        outputs = [
            t
            for t in tree_leaves(result)
            if isinstance(t, torch.Tensor) and t.requires_grad and t.is_floating_point()
        ]
        if outputs and parameters:
            total = torch.stack([t.float().sum() for t in outputs]).sum()
            torch.autograd.grad(total, list(parameters), allow_unused=True)


def _no_gradient(recording: Recording) -> str:
    if recording.result is None:
        return "the model returned None: return its output from forward"
    kinds = {
        str(t.dtype).removeprefix("torch.")
        for t in tree_leaves(recording.result)
        if isinstance(t, torch.Tensor)
    }
    if not kinds:
        kind = type(recording.result).__name__
        return f"the model returned no tensor (a {kind}), so there is nothing to send back"
    found = f"no output has a gradient (dtypes: {', '.join(sorted(kinds))})"
    if not any(kind.startswith(("float", "bfloat", "complex")) for kind in kinds):
        return f"{found}: whole numbers have none; return the scores from which they were made"
    return f"{found}: it is detached or computed under no_grad; take that out of the forward"
