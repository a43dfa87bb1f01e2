"""Training for the budget of a recipe, from a seed's batches."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from benchmarks.repair.cases import Recipe
from benchmarks.repair.tasks import Batch
from torch import nn

_LAST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The mean loss of the last ten steps, the score, and the seconds of the training."""

    loss: float
    score: float
    trains: bool
    seconds: float


def first_batch(recipe: Recipe, seed: int) -> Batch:
    """The batch that a scan and a repair see: the first of the training."""
    return recipe.task().draw(torch.Generator().manual_seed(seed))


def train(model: nn.Module, recipe: Recipe, seed: int) -> Training:
    """Train `model` in place on the batches of `seed`; stops where the loss is not finite.

    The score is that at the end of the budget, not the best on the way.
    """
    task = recipe.task()
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    optimiser = _optimiser(model, recipe)
    losses: list[float] = []
    start = time.perf_counter()
    model.train()
    for _ in range(recipe.steps):
        batch = task.draw(generator)
        optimiser.zero_grad()
        loss = task.loss(model(*batch.inputs), batch.targets)
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            break
        loss.backward()
        optimiser.step()
    seconds = time.perf_counter() - start
    score = task.score(model)
    last = losses[-_LAST:]
    return Training(
        loss=sum(last) / len(last),
        score=score,
        trains=math.isfinite(losses[-1]) and score >= task.level,
        seconds=seconds,
    )


def _optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    parameters = list(model.parameters())
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(
            parameters, recipe.rate, momentum=0.9, weight_decay=recipe.weight_decay
        )
    return torch.optim.Adam(parameters, recipe.rate, weight_decay=recipe.weight_decay)
