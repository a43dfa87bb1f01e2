"""Original and repaired model trained side by side, from one seed on the same batches."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from plusone.capture.sandbox import sandbox
from plusone.errors import InputError
from plusone.fix.task import Loss, task_of
from plusone.target.subject import Subject

Tell = Callable[[str, float], None]

# A net trains if it comes half as far down as the better of the two does, and that one has come
# down by a twentieth at least.
_HALF = 0.5
_LEAST = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Two curves of the loss, one number a step, and what the loss was of.

    A curve ends early where the loss is no longer finite.
    """

    original: tuple[float, ...]
    repaired: tuple[float, ...]
    task: str
    steps: int
    learning_rate: float
    is_interrupted: bool = False

    @property
    def original_verdict(self) -> str:
        """Whether the original trained: "trains", "does not train" or "diverges"."""
        return _verdict(self.original, self.repaired)

    @property
    def repaired_verdict(self) -> str:
        """Whether the repaired model trained."""
        return _verdict(self.repaired, self.original)

    def __str__(self) -> str:
        from plusone.fix.curves import curves_text

        return curves_text(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """`steps` of Adam at `learning_rate`, from `seed`, each on the target's whole batch."""

    steps: int = 100
    learning_rate: float = 1e-3
    seed: int = 0


def verify(subject: Subject, repaired: nn.Module, training: Training, tell: Tell) -> Verification:
    """Both curves. Neither model is changed, and the random state is left as it was.

    Without a loss, a stand-in that is the same for both: squared error against a fixed random
    linear map of the inputs. Ctrl-C ends it with what there is.

    Raises:
        InputError: the steps are none, or no parameter can be trained.
    """
    if training.steps < 1:
        raise InputError(f"steps is {training.steps}; it must be 1 or more")
    loss_of, task = task_of(subject, training.seed)
    curves: tuple[list[float], list[float]] = ([], [])
    is_interrupted = False
    pairs = (("original", subject.model), ("repaired", repaired))
    try:
        for k, (name, model) in enumerate(pairs):
            for step in _training(model, subject, training, loss_of, curves[k]):
                tell(f"training the {name} model", (k + step / training.steps) / 2)
    except KeyboardInterrupt:
        is_interrupted = True
    return Verification(
        original=tuple(curves[0]),
        repaired=tuple(curves[1]),
        task=task,
        steps=training.steps,
        learning_rate=training.learning_rate,
        is_interrupted=is_interrupted,
    )


def _training(
    model: nn.Module, subject: Subject, training: Training, loss_of: Loss, curve: list[float]
) -> Iterator[int]:
    """Trains a copy of `model` and yields the number of each step; the losses go to `curve`."""
    with sandbox(model), torch.random.fork_rng(devices=[]):
        made = copy.deepcopy(model).train()
        torch.manual_seed(training.seed)
        learning = [p for p in made.parameters() if p.requires_grad]
        if not learning:
            raise InputError(
                "no parameter of the model requires a gradient: nothing can be trained"
            )
        optimizer = torch.optim.Adam(learning, lr=training.learning_rate)
        for step in range(training.steps):
            loss = loss_of(made(*subject.args, **subject.kwargs))
            curve.append(float(loss.detach()))
            if not math.isfinite(curve[-1]):
                return
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield step + 1


def _end(curve: tuple[float, ...]) -> float:
    tail = curve[-max(len(curve) // 10, 1) :]
    return sum(tail) / len(tail) if tail else math.nan


def _verdict(curve: tuple[float, ...], other: tuple[float, ...]) -> str:
    end, rival = _end(curve), _end(other)
    if not curve:
        return "was not trained"
    if not math.isfinite(end):
        return "diverges"
    start = min(x for x in (curve[0], *other[:1]) if math.isfinite(x))
    best = min(end, rival) if math.isfinite(rival) else end
    has_moved = start - best > _LEAST * abs(start)
    is_far = start - end >= _HALF * (start - best)
    return "trains" if has_moved and is_far else "does not train"
