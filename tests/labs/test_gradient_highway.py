from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from plusone.labs.base import RunConfig, run_lab
from plusone.labs.gradient_highway.lab import measure, plan, watched
from plusone.labs.gradient_highway.nets import FORMS, batch, scale_of, with_twin
from plusone.labs.gradient_highway.parts import parts


@pytest.mark.parametrize(
    "name", ["residual", "residual, He, 1/sqrt(L)", "residual, He, layer norm"]
)
def test_the_branch_s_part_is_the_dense_jacobian_less_the_identity(name: str) -> None:
    torch.manual_seed(0)
    options, depth = FORMS[name], 3
    net, twin = with_twin(options, depth)
    x, y = (t[:2] for t in batch("digits", 0))
    found = parts(net, twin, x, y, scale=scale_of(options, depth))
    stream = net.stem(x)
    for index, block in enumerate(net.blocks):
        here = stream.detach().requires_grad_()
        tail = net.blocks[index + 1 :]

        def loss(z: torch.Tensor, tail: torch.nn.Sequential = tail) -> torch.Tensor:
            return F.cross_entropy(net.head(tail(z)), y)

        stream = block(here)
        behind = stream.detach().requires_grad_()
        (dy,) = torch.autograd.grad(loss(behind), behind)
        jacobian = torch.autograd.functional.jacobian(block, here.detach())
        jacobian = jacobian.reshape(dy.numel(), dy.numel())
        branch = (jacobian - torch.eye(dy.numel())).T @ dy.flatten()
        share = dy.norm() ** 2 / (dy.norm() ** 2 + branch.norm() ** 2)
        cosine = dy.flatten() @ branch / (dy.norm() * branch.norm())
        assert found.share[index] == pytest.approx(float(share), rel=1e-9)
        assert found.cosine[index] == pytest.approx(float(cosine), abs=1e-9)


def test_the_gradient_of_a_known_chain_has_its_decades() -> None:
    torch.manual_seed(0)
    net, _ = with_twin(FORMS["residual"], 2)
    with torch.no_grad():
        for block in net.blocks:
            block.branch[-1].weight.zero_()  # the branch is a constant: R is 1 exactly
    x, y = batch("digits", 0)
    assert parts(net, with_same_weights(net), x, y).decades == pytest.approx((0, 0, 0), abs=1e-12)


def with_same_weights(net: torch.nn.Module) -> torch.nn.Module:
    twin = with_twin(FORMS["residual"], 2)[1]
    twin.load_state_dict(net.state_dict())
    return twin


def test_parts_that_belong_to_another_net_do_not_add_up() -> None:
    torch.manual_seed(0)
    net, twin = with_twin(FORMS["residual, He"], 3)
    x, y = batch("digits", 0)
    assert max(parts(net, twin, x, y).error) < 1e-12
    assert max(parts(net, with_twin(FORMS["residual, He"], 3)[1], x, y).error) > 1e-2


def test_a_plain_net_s_gradient_is_the_branch_s_alone() -> None:
    torch.manual_seed(0)
    found = parts(*with_twin(FORMS["plain"], 3), *batch("digits", 0))
    assert max(found.error) < 1e-12
    assert set(found.share) == {0.0}
    assert all(math.isnan(c) for c in found.cosine)


def test_the_watched_steps_hold_the_first_and_the_last() -> None:
    assert watched(100) == [0, 1, 2, 5, 10, 22, 46, 100]
    assert watched(60)[-1] == 60


def test_one_seed_shows_plain_gradients_vanish_and_residual_ones_do_not() -> None:
    found = {}
    for arm in plan(False).arms:
        if arm.name in ("plain", "residual", "residual, He"):
            torch.manual_seed(0)
            found[arm.name] = measure(arm, 0)["decades"][-1]
    assert found["plain"] < -40
    assert abs(found["residual"]) < 1
    assert found["residual, He"] > 7


@pytest.mark.slow
@pytest.mark.lab
@pytest.mark.timeout(300)
def test_the_quick_lab_finds_that_plain_gradients_vanish(tmp_path) -> None:
    found = run_lab("gradient-highway", RunConfig(folder=tmp_path))
    mean = {outcome.prediction.key: outcome.mean for outcome in found.outcomes}
    assert mean["plain-slope"] < -0.5
    assert abs(mean["residual-deep"]) < 1
    assert mean["he-residual"] > 0.1
    assert mean["sum"] < 1e-10
    assert found.effects[0].difference > 10
