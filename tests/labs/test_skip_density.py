from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from plusone.labs.base import RunConfig, run_lab
from plusone.labs.base.lab import Arm
from plusone.labs.data import digits
from plusone.labs.skip_density.lab import RATES, measure, patterns, theory
from plusone.labs.skip_density.stack import Stack, accuracies, start_decades
from plusone.labs.training import TrainConfig, train
from plusone.nn import Residual
from plusone.nn.models.branch_only import joined_by

SKIPS = torch.tensor([[True, False, True], [False, False, False], [True, True, True]])


def stacked(
    rows: tuple[int, ...] = (0, 1, 2), rates: tuple[float, ...] = (0.1, 0.01, 1.0)
) -> Stack:
    generator = torch.Generator().manual_seed(0)
    index = torch.tensor(rows)
    config = {"width": 8, "gain": 0.5, "sizes": (64, 10), "generator": generator}
    return Stack(SKIPS[index], index, torch.tensor(rates, dtype=torch.float64), **config).double()


def one_by_one(stack: Stack, m: int, skips: torch.Tensor) -> nn.Sequential:
    """The m-th net as ordinary modules."""

    def linear(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
        layer = nn.Linear(*weight.shape[1:], dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_((stack.rates * weight)[m].T)
            layer.bias.copy_((stack.rates * bias)[m, 0])
        return layer

    blocks = [
        Residual(nn.Sequential(nn.ReLU(), linear(w, b)), skip=joined_by(bool(has)))
        for w, b, has in zip(stack.weights, stack.biases, skips, strict=True)
    ]
    stem, head = (
        linear(stack.stem, stack.stem_bias),
        linear(stack.head, stack.head_bias),
    )
    return nn.Sequential(stem, nn.Sequential(*blocks), head)


def test_each_net_of_a_stack_is_the_one_that_residual_blocks_make() -> None:
    stack = stacked()
    x = digits().inputs[:5].double()
    found = stack(x)
    for m, skips in enumerate(SKIPS):
        torch.testing.assert_close(found[m], one_by_one(stack, m, skips)(x))


def test_the_gradient_at_the_start_is_that_of_each_net_alone() -> None:
    stack = stacked()
    x, y = digits().inputs[:9].double(), digits().targets[:9]
    for m, skips in enumerate(SKIPS):
        stem, blocks, head = one_by_one(stack, m, skips)
        first = stem(x)
        last = blocks(first)
        loss = F.cross_entropy(head(last), y)
        g_in, g_out = torch.autograd.grad(loss, (first, last))
        expected = float((g_in.norm() / g_out.norm()).log10())
        assert float(start_decades(stack, x, y)[m]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_net_in_a_stack_trains_as_alone_at_its_rate_beside_one_that_diverges(
    optimizer: Literal["adam", "sgd"],
) -> None:
    data = digits()
    x, y = data.inputs.double(), data.targets
    stack = stacked((0, 0, 2), (1e200, 0.05, 0.01))
    alone = one_by_one(stack, 1, SKIPS[0])
    config = TrainConfig(steps=20, learning_rate=1.0, batch=32, seed=3, optimizer=optimizer)
    train(stack, x, y, config, loss_fn=stack.summed_loss)
    train(alone, x, y, replace(config, learning_rate=0.05))
    torch.testing.assert_close(stack(x[:7])[1], alone(x[:7]), rtol=1e-6, atol=1e-6)
    assert not torch.isfinite(stack(x[:7])[0]).any()
    assert float(accuracies(stack, x, y)[0]) == 0.0
    assert float(accuracies(stack, x, y)[1]) > 0.2


def test_a_denser_pattern_holds_the_skips_of_a_sparser_one() -> None:
    found = patterns((0.0, 0.3, 0.6, 1.0), 400, torch.Generator().manual_seed(0))
    assert not found[0].any()
    assert found[3].all()
    assert (found[1] <= found[2]).all()
    assert float(found[1].float().mean()) == pytest.approx(0.3, abs=0.07)


def test_the_closed_form_has_both_boundaries_at_this_gain() -> None:
    closed = theory((4, 48), (0.0, 0.6, 1.0))
    rate = np.log10([0.5, 1.5]) / 2  # of infinitely wide layers
    assert closed.decades[[0, 2], 0] == pytest.approx(4 * rate, abs=0.1)
    assert closed.trains().tolist() == [[True, False], [True, True], [True, False]]


def test_shallow_nets_train_and_a_deep_plain_one_does_not() -> None:
    def accuracy(depth: int) -> list[float]:
        options = {"depth": depth, "steps": 60, "full": False}
        found = measure(Arm(name="reduced", options=options), 0)
        assert np.shape(found["by rate"]) == (6, len(RATES))
        return list(map(float, found["accuracy"]))

    shallow, deep = accuracy(4), accuracy(32)
    assert min(shallow) > 0.7
    assert deep[0] < 0.5
    assert max(deep) > deep[0] + 0.3


@pytest.mark.slow
@pytest.mark.lab
@pytest.mark.timeout(300)
def test_the_quick_lab_ranks_what_trains(tmp_path) -> None:
    found = run_lab("skip-density", RunConfig(folder=tmp_path))
    mean = {outcome.prediction.key: outcome.mean for outcome in found.outcomes}
    assert mean["auc"] > 0.75
    assert mean["agreement"] > 0.4
    assert mean["gradient"] > 0.9
