"""A short trial: how soon does a model come below what a constant output reaches?

A scan foretells; some nets that it doubts learn all the same, and a repair may fail although its
scan is healthy. So a plan for a net that is likely not to train is confirmed on copies: the
original must fail where the repaired one succeeds, or be far slower. One batch, seen again and
again, is learned by nets that learn nothing of a stream of batches, so that coming there in the
end is not enough.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn

from plusone.capture.nested import tensors_in
from plusone.capture.sandbox import sandbox
from plusone.fix.task import Loss, task_of
from plusone.target.subject import Subject

# Below the best constant's loss by this share, a net has learned something of its inputs.
_SHARE = 0.25
# The learning rates of Adam that are tried, the usual one first.
_RATES = (1e-3, 3e-3)
_CONSTANT_STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Whether the model learned, after how many of `most` steps, its best loss and a constant's."""

    learned: bool
    steps: float
    most: int
    loss: float
    constant: float

    def __str__(self) -> str:
        taken = f"after {self.steps:.0f} of" if self.learned else "in"
        return (
            f"loss {self.loss:.3g} {taken} {self.most} steps, and {self.constant:.3g} for a "
            "constant output"
        )


def tried_out(subject: Subject, model: nn.Module, *, steps: int, seed: int) -> Trial:
    """The trial of `model` on the subject's batch; each rate ends as soon as the net has learned.

    Nothing is changed and the random state is left as it was. Cost: `steps` forwards and backwards
    for each of two learning rates, at most.
    """
    loss_of, _ = task_of(subject, seed)
    constant = _of_a_constant(subject, model, loss_of, seed)
    goal = constant - _SHARE * abs(constant)
    best, soonest = math.inf, math.inf
    for rate in _RATES:
        limit = steps if soonest == math.inf else int(soonest)
        loss, taken = _trained(subject, model, loss_of, (limit, rate, seed), goal)
        best, soonest = min(best, loss), min(soonest, taken)
    return Trial(learned=best <= goal, steps=soonest, most=steps, loss=best, constant=constant)


def _trained(
    subject: Subject, model: nn.Module, loss_of: Loss, how: tuple[int, float, int], goal: float
) -> tuple[float, float]:
    """The least mean loss over five steps in a row, and the steps to the goal (or infinity)."""
    steps, rate, seed = how
    recent: list[float] = []
    best = math.inf
    with sandbox(model), torch.random.fork_rng(devices=[]):
        made = copy.deepcopy(model).train()
        torch.manual_seed(seed)
        learning = [p for p in made.parameters() if p.requires_grad]
        if not learning:
            return best, math.inf
        optimizer = torch.optim.Adam(learning, lr=rate)
        for step in range(steps):
            loss = loss_of(made(*subject.args, **subject.kwargs))
            recent = [*recent[-4:], float(loss.detach())]
            if not math.isfinite(recent[-1]):
                return best, math.inf
            best = min(best, sum(recent) / 5) if len(recent) == 5 else best
            if best <= goal:
                return best, step + 1
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return best, math.inf


def _of_a_constant(subject: Subject, model: nn.Module, loss_of: Loss, seed: int) -> float:
    """The loss that the best output reaches that is the same for all samples.

    Found by gradient descent from the mean output; where the output is no single tensor, the loss
    of the model as it is.
    """
    with sandbox(model), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = copy.deepcopy(model).train()
        with torch.no_grad():
            output = made(*subject.args, **subject.kwargs)
            start = float(loss_of(output))
        if not isinstance(output, torch.Tensor) or len(list(tensors_in(output))) != 1:
            return start
        mean = output.detach().double().mean(0, keepdim=True)
        free = torch.zeros_like(mean).requires_grad_()
        optimizer = torch.optim.Adam([free], lr=0.05)
        best = math.inf
        for _ in range(_CONSTANT_STEPS):
            loss = loss_of(free.expand(output.shape).to(output.dtype))
            best = min(best, float(loss.detach()))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return min(best, start) if math.isfinite(start) else best
