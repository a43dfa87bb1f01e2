"""Arms that are trained together do what each of them does alone."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from benchmarks.trainability.arms import Arm, Arms
from benchmarks.trainability.data import images
from benchmarks.trainability.nets import build
from benchmarks.trainability.spec import Arch
from benchmarks.trainability.train import Reading, Training, train, trains
from torch.nn import functional as F

BASE = Arch(
    seed=3,
    kind="mlp",
    pattern="residual",
    norm="layer",
    activation="gelu",
    depth=4,
    width=12,
    scale=0.5,
)
NETS = {
    "mlp": BASE,
    "batch norm": replace(BASE, norm="batch", activation="tanh"),
    "dense": replace(BASE, pattern="dense", window=3, place="pre"),
    "post": replace(BASE, place="post", norm="batch"),
    "conv": replace(BASE, kind="conv", width=4, pattern="long_range", num_skips=2),
    "conv dense": replace(BASE, kind="conv", width=4, pattern="dense", window=2, norm="batch"),
    "transformer": replace(BASE, kind="transformer", place="pre"),
    "transformer dense": replace(BASE, kind="transformer", pattern="dense", window=2),
    "graph": replace(BASE, kind="graph", norm="none", activation="relu", init="default"),
}
ARMS = (
    Arm(optimiser="sgd", rate=0.01),
    Arm(optimiser="sgd", rate=0.1),
    Arm(optimiser="adam", rate=0.003),
)


@pytest.mark.parametrize("name", NETS)
def test_arms_trained_together_equal_a_net_trained_alone_by_torch(name: str) -> None:
    arch = NETS[name]
    data = images(arch.kind)
    arms = Arms(build(arch), ARMS)
    alone = [build(arch) for _ in ARMS]
    optimisers = [
        torch.optim.SGD(net.parameters(), lr=arm.rate, momentum=0.9)
        if arm.optimiser == "sgd"
        else torch.optim.Adam(net.parameters(), lr=arm.rate)
        for net, arm in zip(alone, ARMS, strict=True)
    ]
    for step in range(5):
        rows = slice(32 * step, 32 * step + 32)
        x, targets = data.inputs[rows], data.targets[rows]
        together = arms.step(x, targets)
        for k, (net, optimiser) in enumerate(zip(alone, optimisers, strict=True)):
            loss = F.cross_entropy(net(x), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            assert float(together[k]) == pytest.approx(float(loss.detach()), rel=2e-3, abs=1e-5)


def test_an_arm_that_goes_on_without_the_others_is_the_same() -> None:
    data = images("mlp")
    x, targets = data.inputs[:32], data.targets[:32]
    all_, some = (Arms(build(BASE), ARMS) for _ in range(2))
    for arms in (all_, some):
        arms.step(x, targets)
    some.keep([0, 2])
    all_.step(x, targets)
    some.step(x, targets)
    torch.testing.assert_close(some.weights, all_.weights[[0, 2]])


def test_training_twice_gives_the_same_readings() -> None:
    assert train(BASE, ARMS, num_steps=20) == train(BASE, ARMS, num_steps=20)


def test_an_arm_that_diverges_is_dropped_and_the_others_go_on() -> None:
    arms = (Arm(optimiser="sgd", rate=1e30), Arm(optimiser="sgd", rate=0.05))
    arch = replace(BASE, norm="none", activation="linear")
    found = train(arch, arms, num_steps=50)
    assert found.readings[0][-1].step == 5
    assert found.readings[1][-1].step == 50
    assert found.accuracy > 0.5


def test_a_net_trains_from_a_share_of_the_shallow_nets_accuracy_on() -> None:
    assert trains(0.85, 1.0)
    assert not trains(0.84, 1.0)
    assert trains(0.81, 0.95)


def test_what_was_watched_is_the_best_finite_arm_at_a_step() -> None:
    readings = (
        (Reading(step=5, loss=math.inf, accuracy=0.0),),
        (Reading(step=5, loss=1.5, accuracy=0.4), Reading(step=20, loss=0.5, accuracy=0.9)),
    )
    found = Training(arms=ARMS[:2], readings=readings, num_steps=20)
    assert found.best_at(5).loss == 1.5
    assert found.best_at(50).loss == math.inf
    assert found.accuracy == 0.9
