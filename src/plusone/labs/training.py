"""One loop that trains a net on tensors that fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """`steps` mini-batches of `batch` samples; the learning rate falls as a cosine to zero where
    `has_cosine`, and gradients are clipped to the norm `clip` where it is given."""

    steps: int
    learning_rate: float
    batch: int = 64
    optimizer: Literal["sgd", "adam"] = "sgd"
    momentum: float = 0.9
    weight_decay: float = 0.0
    has_cosine: bool = True
    clip: float | None = None
    seed: int = 0


def train(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    config: TrainConfig,
    *,
    loss_fn: Loss = F.cross_entropy,
    observe: Callable[[int], None] | None = None,
) -> list[float]:
    """The loss of each mini-batch; ends early, with that loss last, where it is not finite.

    `observe(step)` is called before each step and, with the number of steps, at the end: the model
    is then as the steps before have made it.
    """
    optimizer = _optimizer(model, config)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(config.steps, 1))
    losses: list[float] = []
    model.train()
    for step, index in enumerate(_batches(len(inputs), config)):
        if observe is not None:
            observe(step)
            model.train()
        loss = loss_fn(model(inputs[index]), targets[index])
        losses.append(float(loss.detach()))
        if not torch.isfinite(loss):
            return losses
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if config.clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        if config.has_cosine:
            schedule.step()
    if observe is not None:
        observe(config.steps)
    return losses


def accuracy(model: nn.Module, inputs: Tensor, targets: Tensor, *, batch: int = 512) -> float:
    """The share of samples whose largest logit is right, in evaluation mode; 0 where not finite."""
    return 1.0 - error(model, inputs, targets, batch=batch)


def error(model: nn.Module, inputs: Tensor, targets: Tensor, *, batch: int = 512) -> float:
    """The share of samples whose largest logit is wrong; a row with a NaN counts as wrong."""
    wrong = 0
    with torch.no_grad():
        for logits, right in _outputs(model, inputs, targets, batch):
            is_right = (logits.argmax(-1) == right) & torch.isfinite(logits).all(-1)
            wrong += int((~is_right).sum())
    return wrong / len(inputs)


def mean_loss(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    loss_fn: Loss = F.cross_entropy,
    batch: int = 512,
) -> float:
    """The mean loss over the samples, in evaluation mode."""
    total = 0.0
    with torch.no_grad():
        for outputs, right in _outputs(model, inputs, targets, batch):
            total += float(loss_fn(outputs, right)) * len(right)
    return total / len(inputs)


def _outputs(
    model: nn.Module, inputs: Tensor, targets: Tensor, batch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    model.eval()
    for x, y in zip(inputs.split(batch), targets.split(batch), strict=True):
        yield model(x), y


def _batches(num_samples: int, config: TrainConfig) -> Iterator[Tensor]:
    """Indices of `steps` mini-batches, each epoch in a new order; short rests are left out."""
    generator = torch.Generator().manual_seed(config.seed)
    size = min(config.batch, num_samples)
    done = 0
    while done < config.steps:
        order = torch.randperm(num_samples, generator=generator)
        for index in order[: num_samples // size * size].view(-1, size)[: config.steps - done]:
            yield index
            done += 1


def _optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    parameters = [p for p in model.parameters() if p.requires_grad]
    if config.optimizer == "adam":
        return torch.optim.Adam(
            parameters, lr=config.learning_rate, weight_decay=config.weight_decay
        )
    return torch.optim.SGD(
        parameters,
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
