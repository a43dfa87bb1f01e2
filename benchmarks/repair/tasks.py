"""What networks are trained for: batches, a loss, a metric, and the level that counts as trained.

The levels were written down before anything was trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.labs import data
from plusone.labs.data import texts

CONTEXT = 48
_STRETCH = 24
LANGUAGES = 7
NAME_PAD = 0


class Batch(NamedTuple):
    """The model's positional arguments, and what the loss compares its output with."""

    inputs: tuple[Tensor, ...]
    targets: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """`draw(generator)` makes a batch; `score(model)`, higher is better, reads held-out data.

    A model trains if its score at the end of the budget is `level` or more; `trivial` is the score
    of the best prediction that ignores the input, as computed from the data.
    """

    name: str
    draw: Callable[[torch.Generator], Batch]
    loss: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[nn.Module], float]
    metric: str
    level: float
    trivial: float


def _predictions(model: nn.Module, *inputs: Tensor, size: int = 200) -> Tensor:
    """The outputs in eval mode, in batches."""
    model.eval()
    with torch.no_grad():
        parts = zip(*(i.split(size) for i in inputs), strict=True)
        return torch.cat([model(*part) for part in parts])


def _classes(split: data.Split, name: str, level: float, size: int) -> Task:
    def draw(generator: torch.Generator) -> Batch:
        rows = torch.randint(len(split.inputs), (size,), generator=generator)
        return Batch((split.inputs[rows],), split.targets[rows])

    def score(model: nn.Module) -> float:
        found = _predictions(model, split.test_inputs).argmax(1)
        return float((found == split.test_targets).float().mean())

    trivial = float(split.test_targets.bincount().max() / len(split.test_targets))
    return Task(
        name=name,
        draw=draw,
        loss=F.cross_entropy,
        score=score,
        metric="accuracy",
        level=level,
        trivial=trivial,
    )


@cache
def digits() -> Task:
    """Classes of scikit-learn's digits, [N, 64]."""
    return _classes(data.digits(), "digits", 0.9, 64)


@cache
def mnist() -> Task:
    """Classes of MNIST, [N, 1, 28, 28]."""
    return _classes(data.mnist(), "mnist", 0.9, 64)


@cache
def cifar10() -> Task:
    """Classes of CIFAR-10, [N, 3, 32, 32]."""
    return _classes(data.cifar10(), "cifar10", 0.35, 32)


@cache
def nuclei() -> Task:
    """Masks of nuclei, crops [N, 1, 64, 64]; intersection over union of all held-out pixels."""
    split = data.nuclei()

    def draw(generator: torch.Generator) -> Batch:
        rows = torch.randint(len(split.inputs), (16,), generator=generator)
        top, left = torch.randint(65, (2,), generator=generator).tolist()
        cut = (..., slice(top, top + 64), slice(left, left + 64))
        return Batch((split.inputs[rows][cut],), split.targets[rows][cut])

    inside = (..., slice(32, 96), slice(32, 96))
    images, masks = split.test_inputs[inside], split.test_targets[inside] > 0

    def score(model: nn.Module) -> float:
        found = _predictions(model, images) > 0
        return float((found & masks).sum() / (found | masks).sum())

    return Task(
        name="nuclei",
        draw=draw,
        loss=F.binary_cross_entropy_with_logits,
        score=score,
        metric="IoU",
        level=0.7,
        trivial=float(masks.float().mean()),
    )


@cache
def cora() -> Task:
    """Classes of papers: all nodes at each step, the loss on the 140 that are labelled."""
    graph = data.cora()
    hidden = torch.where(graph.is_train, graph.classes, -100)

    def draw(generator: torch.Generator) -> Batch:
        return Batch((graph.features, graph.edges, graph.weights), hidden)

    def score(model: nn.Module) -> float:
        model.eval()
        with torch.no_grad():
            found = model(graph.features, graph.edges, graph.weights).argmax(1)
        return float((found == graph.classes)[graph.is_test].float().mean())

    tested = graph.classes[graph.is_test]
    return Task(
        name="cora",
        draw=draw,
        loss=F.cross_entropy,
        score=score,
        metric="accuracy",
        level=0.7,
        trivial=float(tested.bincount().max() / len(tested)),
    )


def _next_character(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


@cache
def characters() -> Task:
    """The next character of Tiny Shakespeare: [N, 48] to logits [N, 48, kinds]."""
    train, test, _ = data.shakespeare()

    def draw(generator: torch.Generator) -> Batch:
        starts = torch.randint(len(train) - CONTEXT - 1, (16,), generator=generator)
        rows = train[starts[:, None] + torch.arange(CONTEXT + 1)]
        return Batch((rows[:, :-1],), rows[:, 1:])

    rows = test[: 200 * (CONTEXT + 1)].view(200, -1)

    def score(model: nn.Module) -> float:
        found = _predictions(model, rows[:, :-1], size=50).argmax(2)
        return float((found == rows[:, 1:]).float().mean())

    most = int(train.bincount().argmax())
    return Task(
        name="characters",
        draw=draw,
        loss=_next_character,
        score=score,
        metric="accuracy",
        level=0.24,
        trivial=float((rows[:, 1:] == most).float().mean()),
    )


def _spelled(names: list[str], characters: str) -> Tensor:
    """Numbers of characters, [N, 12], with padding in front."""
    rows = [[characters.index(c) + 1 for c in name] for name in names]
    pads = [[NAME_PAD] * (texts.NAME_LENGTH - len(row)) for row in rows]
    return torch.tensor([pad + row for pad, row in zip(pads, rows, strict=True)])


def num_characters() -> int:
    """The kinds of characters in surnames, with padding."""
    return len(data.surnames()[1]) + 1


@cache
def languages() -> Task:
    """The language of a surname, [N, 12]: as many of each of 7 in a batch, and held out."""
    names, characters = data.surnames()
    shuffle = torch.Generator().manual_seed(0)
    spelled = [_spelled(found, characters) for found in names.values()]
    spelled = [rows[torch.randperm(len(rows), generator=shuffle)] for rows in spelled]
    test = torch.cat([rows[:60] for rows in spelled])
    test_classes = torch.arange(LANGUAGES).repeat_interleave(60)

    def draw(generator: torch.Generator) -> Batch:
        picked = [r[torch.randint(60, len(r), (10,), generator=generator)] for r in spelled]
        return Batch((torch.cat(picked),), torch.arange(LANGUAGES).repeat_interleave(10))

    def score(model: nn.Module) -> float:
        return float((_predictions(model, test).argmax(1) == test_classes).float().mean())

    return Task(
        name="languages",
        draw=draw,
        loss=F.cross_entropy,
        score=score,
        metric="accuracy",
        level=0.6,
        trivial=1 / LANGUAGES,
    )


@cache
def reversal() -> Task:
    """Text backwards: model(text [N, 24], start and all but the last [N, 24]) to logits.

    Text of Tiny Shakespeare; the number after the last of its characters is the start.
    """
    train, held, kinds = data.shakespeare()

    def task(part: Tensor) -> Batch:
        backwards = part.flip(1)
        start = torch.full((len(part), 1), kinds)
        return Batch((part, torch.cat((start, backwards[:, :-1]), 1)), backwards)

    test = task(held[: 300 * _STRETCH].view(300, _STRETCH))

    def draw(generator: torch.Generator) -> Batch:
        starts = torch.randint(len(train) - _STRETCH, (64,), generator=generator)
        return task(train[starts[:, None] + torch.arange(_STRETCH)])

    def score(model: nn.Module) -> float:
        return float((_predictions(model, *test.inputs).argmax(2) == test.targets).float().mean())

    most = int(train.bincount().argmax())
    return Task(
        name="reversal",
        draw=draw,
        loss=_next_character,
        score=score,
        metric="accuracy",
        level=0.85,
        trivial=float((test.targets == most).float().mean()),
    )


@cache
def anomalies() -> Task:
    """Zeros of MNIST to reconstruct [N, 1, 28, 28]; then whether other digits stand out.

    The score is the area under the ROC curve of the squared error, over the test's zeros and the
    other digits: what autoencoders that find defects are judged by. An autoencoder that passes
    everything on finds nothing, however small its loss.
    """
    split = data.mnist()
    zeros = split.inputs[split.targets == 0]
    is_other = split.test_targets != 0

    def draw(generator: torch.Generator) -> Batch:
        rows = zeros[torch.randint(len(zeros), (64,), generator=generator)]
        return Batch((rows,), rows)

    def score(model: nn.Module) -> float:
        found = _predictions(model, split.test_inputs)
        errors = (found - split.test_inputs).square().flatten(1).mean(1)
        if not bool(errors.isfinite().all()):
            return 0.5
        pairs = errors[is_other][:, None] - errors[~is_other]
        return float((pairs > 0).float().mean() + (pairs == 0).float().mean() / 2)

    return Task(
        name="anomalies",
        draw=draw,
        loss=F.mse_loss,
        score=score,
        metric="AUROC",
        level=0.9,
        trivial=0.5,
    )
