"""Training for a fixed budget, and the label, which was defined before anything was trained."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from benchmarks.trainability.arms import Arm, Arms
from benchmarks.trainability.data import images
from benchmarks.trainability.nets import build
from benchmarks.trainability.spec import Arch

NUM_STEPS = 150
BATCH = 32
# Accuracy and loss are read on this many training images at these steps.
NUM_READ = 256
READ_AT = (0, 5, 20, 50, 75, 100, 125, 150)
# Of the arms, this many with the lowest loss go on after these steps (successive halving).
KEEP_AT = {50: 4, 100: 2}
# All stop where nothing more is to be learned about whether the net trains: from this accuracy on,
# after 50 steps; and after 75 steps if no arm was ever better than this (chance is 0.1).
_DONE = 0.95
_HOPELESS = 0.2

ARMS = (
    *(Arm(optimiser="sgd", rate=r) for r in (1e-3, 6e-3, 4e-2, 2e-1)),
    *(Arm(optimiser="adam", rate=r) for r in (2e-4, 1e-3, 4e-3, 1.5e-2)),
)

# A net trains if it comes to this share of the training accuracy that a net of two layers of the
# same kind reaches with the same budget (plain, critical ReLU, no norm: the mean of 3 seeds). Less
# means that its depth has cost it a good part of what its kind can learn: of ten classes the net
# then confuses two or more. Nets that do not train at all stand at 0.1 to 0.4.
TRAINS_FROM = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Loss and accuracy of one arm after some steps."""

    step: int
    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What became of each arm; `num_steps` were made until all stopped."""

    arms: tuple[Arm, ...]
    readings: tuple[tuple[Reading, ...], ...]
    num_steps: int

    @property
    def accuracy(self) -> float:
        """The best over arms and steps."""
        return max(r.accuracy for readings in self.readings for r in readings)

    def best_at(self, step: int) -> Reading:
        """The reading at that step of the arm whose loss is lowest then."""
        there = [r for readings in self.readings for r in readings if r.step == step]
        finite = [r for r in there if math.isfinite(r.loss)]
        worst = Reading(step=step, loss=math.inf, accuracy=0.0)
        return min(finite, key=lambda r: r.loss, default=worst)


def train(arch: Arch, arms: tuple[Arm, ...] = ARMS, *, num_steps: int = NUM_STEPS) -> Training:
    """Train all arms from the same weights on the same batches.

    An arm that stops being finite is dropped, later also those that are behind; all stop once the
    outcome is clear.
    """
    data = images(arch.kind)
    order = torch.Generator().manual_seed(arch.seed)
    running = Arms(build(arch), arms)
    alive = list(range(len(arms)))
    readings: list[list[Reading]] = [[] for _ in arms]
    step = 0
    while True:
        if step in READ_AT:
            found = _read(running, step)
            for k, reading in zip(alive, found, strict=True):
                readings[k].append(reading)
            best = max(r.accuracy for row in readings for r in row)
            if (step >= 50 and best >= _DONE) or (step >= 75 and best < _HOPELESS):
                break
            kept = [k for k, r in enumerate(found) if math.isfinite(r.loss)]
            by_loss = sorted(kept, key=lambda k: found[k].loss)
            kept = sorted(by_loss[: KEEP_AT.get(step, len(kept))])
            if not kept:
                break
            if len(kept) < len(alive):
                running.keep(kept)
                alive = [alive[k] for k in kept]
        if step == num_steps:
            break
        rows = torch.randint(len(data.targets), (BATCH,), generator=order)
        running.step(data.inputs[rows], data.targets[rows])
        step += 1
    return Training(arms=arms, readings=tuple(tuple(r) for r in readings), num_steps=step)


@torch.no_grad()
def _read(running: Arms, step: int) -> list[Reading]:
    data = images(running.arch.kind)
    targets = data.targets[:NUM_READ]
    logits = running(data.inputs[:NUM_READ])
    losses = running.losses(logits, targets).tolist()
    accuracies = (logits.argmax(2) == targets).float().mean(1).tolist()
    return [
        Reading(step=step, loss=loss, accuracy=accuracy if math.isfinite(loss) else 0.0)
        for loss, accuracy in zip(losses, accuracies, strict=True)
    ]


def reference(kind: str) -> float:
    """The accuracy of the shallow net of a kind: the mean of 3 seeds."""
    arches = [
        Arch(
            seed=10**6 + seed,
            kind=kind,
            pattern="plain",
            norm="none",
            activation="relu",
            depth=2,
            width={"mlp": 48, "conv": 12, "transformer": 24, "graph": 24}[kind],
        )
        for seed in range(3)
    ]
    return sum(train(arch).accuracy for arch in arches) / len(arches)


def trains(accuracy: float, shallow: float) -> bool:
    """The label."""
    return accuracy >= TRAINS_FROM * shallow
