"""A pattern's score: its accuracy, or its loss, on samples that it was not trained on."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from plusone.capture.sandbox import sandbox
from plusone.errors import InputError
from plusone.fix.edits import Edit
from plusone.fix.surgery import edited
from plusone.target.subject import Subject

# The sandbox and torch's random state are of the whole process: threads would mix them up.
_ONE = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """`steps` of Adam on minibatches of `batch` samples, the same for every pattern of a `seed`.

    The share `held_out` of the target's samples is kept for the score.
    """

    steps: int = 200
    batch: int = 64
    learning_rate: float = 1e-3
    held_out: float = 0.25
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`score` on the held-out samples: the accuracy, where the targets are a vector of classes and
    the output has a column for each, else minus the mean loss; `measure` says which.

    -infinity (or an accuracy of 0) where the training diverged. `seconds` are of this trial.
    """

    score: float
    measure: str
    num_parameters: int
    seconds: float


def check_training(subject: Subject, training: Training) -> None:
    """Raises InputError unless the subject's batch can be split, trained on and judged."""
    if subject.loss_fn is None:
        raise InputError(
            f"{subject.name} comes without a loss, so that no pattern can be trained: let it give "
            "(model, inputs, targets, loss), or name one (--loss cross-entropy)"
        )
    if training.steps < 1:
        raise InputError(f"steps is {training.steps}; it must be 1 or more")
    if training.batch < 1:
        raise InputError(f"batch is {training.batch}; it must be 1 or more")
    if not 0 < training.held_out < 1:
        raise InputError(f"held_out is {training.held_out:g}; it must lie between 0 and 1")
    if not training.learning_rate > 0 or not math.isfinite(training.learning_rate):
        raise InputError(f"learning_rate is {training.learning_rate:g}; it must be above 0")
    if not any(p.requires_grad for p in subject.model.parameters()):
        raise InputError(f"no parameter of {subject.name} requires a gradient, so none is trained")
    total = _num_samples(subject)
    if total < 8:
        raise InputError(
            f"{subject.name} comes with {total} samples, of which some are held out for the score; "
            "a search needs 8 or more, and some hundreds to tell patterns apart"
        )
    try:
        trained(subject, (), replace(training, steps=1))
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        first = " ".join(str(error).split())[:200]
        raise InputError(
            f"a step of training {subject.name} on {training.batch} of its samples fails: {first}; "
            "its inputs and targets need a row for each sample, and its loss is one number"
        ) from error


def trained(subject: Subject, edits: tuple[Edit, ...], training: Training) -> Outcome:
    """Trains a copy of the subject's model with these edits. Nothing of the subject is changed.

    Weights that the edits bring are drawn from the training's seed, as are the split and the
    batches. A function of plain data, so that any executor can run it in another process; threads
    wait for each other.
    """
    assert subject.loss_fn is not None
    begin = time.perf_counter()
    with _ONE, sandbox(subject.model), torch.random.fork_rng(devices=[]), torch.enable_grad():
        model = edited(subject.model, edits, seed=training.seed).train()
        torch.manual_seed(training.seed)
        dice = torch.Generator().manual_seed(training.seed)
        order = torch.randperm(_num_samples(subject), generator=dice)
        num_kept = max(1, round(training.held_out * len(order)))
        held, seen = order[:num_kept], order[num_kept:]
        learning = [p for p in model.parameters() if p.requires_grad]
        optimizer = _adam(learning, training.learning_rate)
        is_finite = True
        queue = torch.empty(0, dtype=torch.long)
        for _ in range(training.steps):
            if len(queue) < min(training.batch, len(seen)):
                queue = torch.cat([queue, seen[torch.randperm(len(seen), generator=dice)]])
            at, queue = queue[: training.batch], queue[training.batch :]
            loss = _loss(subject, model, at)[0]
            is_finite = bool(torch.isfinite(loss))
            if not is_finite:
                break
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        score, measure = _score(subject, model.eval(), held, is_finite=is_finite)
    return Outcome(
        score=score,
        measure=measure,
        num_parameters=sum(p.numel() for p in model.parameters()),
        seconds=time.perf_counter() - begin,
    )


def _adam(parameters: list[nn.Parameter], rate: float) -> torch.optim.Adam:
    """Fused where it can be: on a deep net of small layers a third of a step's time."""
    can_be = all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in parameters)
    return torch.optim.Adam(parameters, lr=rate, fused=can_be)


@torch.no_grad()
def _score(
    subject: Subject, model: nn.Module, held: Tensor, *, is_finite: bool
) -> tuple[float, str]:
    loss, output = _loss(subject, model, held)
    targets = subject.targets
    if (
        isinstance(targets, Tensor)
        and targets.ndim == 1
        and not targets.is_floating_point()
        and isinstance(output, Tensor)
        and output.ndim == 2
        and output.shape[1] > 1
    ):
        right = output.argmax(1) == targets[held.to(targets.device)]
        is_finite = is_finite and bool(torch.isfinite(loss))
        return float(right.float().mean()) if is_finite else 0.0, "accuracy"
    is_finite = is_finite and bool(torch.isfinite(loss))
    return -float(loss) if is_finite else -math.inf, "-loss"


def _loss(subject: Subject, model: nn.Module, at: Tensor) -> tuple[Tensor, object]:
    total, loss_fn = _num_samples(subject), subject.loss_fn
    assert loss_fn is not None

    def rows(value: object) -> object:
        if isinstance(value, Tensor) and value.ndim and len(value) == total:
            return value[at.to(value.device)]
        return value

    args, kwargs, targets = pytree.tree_map(rows, (subject.args, subject.kwargs, subject.targets))
    output = model(*args, **kwargs)
    loss = loss_fn(output) if subject.targets is None else loss_fn(output, targets)
    return loss, output


def _num_samples(subject: Subject) -> int:
    found = pytree.tree_leaves((subject.args, subject.kwargs))
    return next((len(x) for x in found if isinstance(x, Tensor) and x.ndim), 0)
