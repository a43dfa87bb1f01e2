"""The loss as a function of the parameters: of any model, on one batch, around where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from plusone.capture.nested import map_tensors, tensors_in
from plusone.capture.sandbox import Sandbox, sandbox
from plusone.errors import CaptureError, InputError, PlusoneError
from plusone.landscape.cheap_layers import cheap_second_derivatives
from plusone.landscape.hessian import HessianOperator
from plusone.landscape.settled import Statistics, settle, twice_differentiable
from plusone.landscape.vectors import Layout
from plusone.target.members import tensors_of
from plusone.target.scalar_loss import check_has_gradient, own_loss, scalar_loss
from plusone.target.subject import LossFn, Subject, subject_of


class Terrain:
    """The loss L(w) of one model on one batch, w being all parameters that require grad.

    Parameters that are tied count once. Each evaluation starts from the same buffers, inputs and
    random numbers, so that L is a function. Made by `terrain`, inside of which alone it works.
    """

    def __init__(self, subject: Subject, box: Sandbox, *, seed: int, note: str) -> None:
        self.subject = subject
        self.layout = Layout.of(subject.model, name=subject.name)
        self.seed = seed
        self.statistics = note
        # Whether images are given with their channels last in memory, which convolutions on a
        # CPU like; `evaluate` finds out whether a model takes and gains by it.
        self.channels_last = False
        self._box = box

    @property
    def parameters(self) -> tuple[torch.Tensor, ...]:
        """The parameters that require grad."""
        return self.layout.parameters

    @property
    def size(self) -> int:
        """How many real numbers they hold."""
        return self.layout.size

    def start_again(self) -> None:
        """Parameters, buffers and random state as they were on entry."""
        self._box.restore_contents()
        self._box.restore_random_state()
        torch.manual_seed(self.seed)

    def loss(self) -> torch.Tensor:
        """L at the parameters as they are now, with its graph where gradients are enabled.

        Raises:
            CaptureError: the forward raised.
            InputError: there is no loss, or it is not one number.
        """
        return self.loss_of(self.subject.model)

    def loss_of(self, forward: Callable[..., object]) -> torch.Tensor:
        """L of `forward`, a stand-in for the model (see `loss`)."""
        subject = self.subject
        args, kwargs = map_tensors(self._fresh, (subject.args, subject.kwargs))
        try:
            result = forward(*args, **kwargs)
        except PlusoneError:
            raise
        except Exception as cause:
            raise CaptureError(_forward_raised(cause, subject)) from cause
        if subject.loss_fn is not None:
            return scalar_loss(subject.loss_fn, result, subject.targets)
        found = own_loss(result)
        if found is None and isinstance(result, torch.Tensor) and result.dim() == 0:
            found = result  # the model returns its loss and nothing else
        if found is None:
            raise InputError(_no_loss(subject))
        return found

    def _fresh(self, tensor: torch.Tensor) -> torch.Tensor:
        copy = tensor.detach().clone()
        is_image = copy.dim() == 4 and copy.is_floating_point()
        if self.channels_last and is_image:
            return copy.contiguous(memory_format=torch.channels_last)
        return copy

    @torch.no_grad()
    def value(self, steps: Sequence[tuple[float, Sequence[torch.Tensor]]] = ()) -> float:
        """L at w + sum of factor * direction over `steps`; infinities and NaN are values.

        The parameters are moved behind autograd's back and are back before anyone looks, so that
        a Hessian's graph stays valid.
        """
        self.start_again()
        behind = [parameter.data for parameter in self.parameters]
        try:
            for factor, direction in steps:
                torch._foreach_add_(behind, list(direction), alpha=factor)
            return float(self.loss())
        finally:
            self._box.restore_contents()

    def hessian(self) -> HessianOperator:
        """The Hessian at the parameters as found, on a graph that its `close` frees.

        Cost: a forward and a backward that keeps its own graph. Raises as `loss` does.
        """
        self.start_again()
        with cheap_second_derivatives(self.subject.model):
            loss = self.loss()
        if self.subject.loss_fn is not None:
            check_has_gradient(loss, self.subject.loss_fn)
        elif not loss.requires_grad:
            raise InputError(f"the loss of {self.subject.name} has no gradient: it is detached")
        return HessianOperator(loss, self.layout)


@contextmanager
def terrain(
    model: object,
    inputs: object,
    targets: object | None = None,
    loss_fn: LossFn | None = None,
    *,
    statistics: Statistics = "batch",
    seed: int = 0,
) -> Iterator[Terrain]:
    """The loss of `model` on one batch as a function of its parameters; the model is left as found.

    The model is in eval mode, so that dropout is off; with `statistics` "batch" its batch norms
    use those of the batch at every point (and write none), with "running" those they have
    gathered. `inputs`, `targets` and `loss_fn` are those of `plusone.scan`; a model that returns
    its own loss needs no `loss_fn`.

    Raises:
        InputError: nothing can be trained, or there are no values (the meta device).
    """
    subject = subject_of(model, inputs, targets, loss_fn)
    with terrain_of(subject, statistics=statistics, seed=seed) as found:
        yield found


@contextmanager
def terrain_of(
    subject: Subject, *, statistics: Statistics = "batch", seed: int = 0
) -> Iterator[Terrain]:
    """The terrain of a resolved subject (see `terrain`)."""
    _check_has_values(subject)
    with sandbox(subject.model) as box, twice_differentiable(subject.model):
        box.save_all()
        note = settle(subject.model, statistics)
        yield Terrain(subject, box, seed=seed, note=note)


def _check_has_values(subject: Subject) -> None:
    held = [t for _, t in tensors_of(subject.model)]
    if any(t.is_meta for t in (*held, *tensors_in((subject.args, subject.kwargs)))):
        raise InputError(
            f"{subject.name} is on the meta device and has no values: a landscape needs some "
            "(to_empty with an initialisation gives them)"
        )


def _forward_raised(cause: Exception, subject: Subject) -> str:
    what = " ".join(str(cause).split()).rstrip(".!")[:300] or "no message"
    hint = "Check that the inputs fit the model."
    if "more than 1 value per channel" in what:
        hint = "Batch statistics need a batch of 2 or more: give one, or use statistics='running'."
    return f"the forward of {subject.name} raised {type(cause).__name__}: {what}. {hint}"


def _no_loss(subject: Subject) -> str:
    return (
        f"{subject.name} comes without a loss, and a landscape is one of a loss: give targets and "
        "loss_fn, for example torch.nn.functional.cross_entropy (on the command line: "
        "--loss cross-entropy)"
    )
