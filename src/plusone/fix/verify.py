"""Original and repaired model trained side by side, from one seed on the same batches."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from plusone.capture.nested import tensors_in
from plusone.capture.sandbox import sandbox
from plusone.errors import InputError
from plusone.target.subject import Subject

Tell = Callable[[str, float], None]
Loss = Callable[[object], torch.Tensor]

# A net trains if it comes half as far down as the better of the two does, and that one has come
# down by a twentieth at least.
_HALF = 0.5
_LEAST = 0.05
# The largest random map from inputs to targets, in numbers.
_LARGEST = 10_000_000


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
    loss_of, task = _task(subject, training.seed)
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


def _task(subject: Subject, seed: int) -> tuple[Loss, str]:
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
