"""The lab's routines against torchdiffeq, powers of matrices and closed forms; its claim."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from plusone.labs.base.lab import Arm, Plan
from plusone.labs.euler import LAB, flows
from plusone.labs.euler.refinement import Net, as_steps, doubled
from plusone.labs.euler.stability import KINDS, growth, matrix
from plusone.nn import refined
from plusone.theory import euler_limit

from support.reduced_lab import means, run_plan, verdicts


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.mark.parametrize("is_smooth", [False, True])
def test_the_reference_is_torchdiffeqs_solution(is_smooth: bool) -> None:
    generator = seeded()
    x = flows.start(generator)[:2]
    velocity = flows.Velocity(generator, is_smooth=is_smooth)
    torch.testing.assert_close(
        flows.reference(velocity, x), flows.torchdiffeq_rk4(velocity, x), rtol=0, atol=1e-11
    )


def test_smooth_weights_turn_half_a_circle() -> None:
    velocity = flows.Velocity(seeded(), is_smooth=True)
    x = flows.start(seeded(1))
    torch.testing.assert_close(velocity.at(1.0, x), -_at_start_of_opposite(velocity, x))


def _at_start_of_opposite(velocity: flows.Velocity, x: torch.Tensor) -> torch.Tensor:
    """-f(x, 1): all three weights change sign, so tanh and its outer weights do, which cancels."""
    return -torch.tanh(x @ velocity.first[0].T + velocity.bias[0]) @ velocity.last[0].T


def test_the_order_is_the_slope_above_rounding() -> None:
    depths = [8, 16, 32, 64]
    errors = [3.0 * n**-2.0 for n in depths[:3]] + [1e-14]
    assert flows.order(depths, errors) == pytest.approx(2.0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_jacobian_has_a_limit_that_its_powers_show(kind: str) -> None:
    jacobian = matrix(kind, seeded(3))
    limit = euler_limit(torch.linalg.eigvals(jacobian).numpy())
    assert 0 < limit < math.inf
    steps = torch.tensor([0.97, 1.03], dtype=torch.float64) * limit
    grown = growth(jacobian, steps, seeded(4), 1200)
    radii = [
        float(torch.linalg.eigvals(torch.eye(8, dtype=torch.float64) + h * jacobian).abs().max())
        for h in steps
    ]
    np.testing.assert_allclose(grown.numpy(), np.log(radii), atol=2e-2)
    assert grown[0] < 0 < grown[1]


def test_refined_and_doubled_nets_keep_stem_head_and_weights() -> None:
    net = Net(6, 5, 3, 0.5)
    x = torch.randn(4, 6)
    once = net.over(net.blocks)
    assert torch.equal(once(x), net(x))
    twice = net.over(doubled(net.blocks))
    assert len(twice.blocks) == 6
    assert len(net.blocks) == 3
    half = net.over(refined(net.blocks))
    assert not torch.equal(half(x), twice(x))
    torch.testing.assert_close(half(x), net(x), rtol=0, atol=0.2)


def test_a_plain_net_is_itself_as_steps_and_another_on_a_finer_grid() -> None:
    net = Net(6, 5, 3, None)
    x = torch.randn(4, 6)
    steps = as_steps(net.blocks)
    torch.testing.assert_close(net.over(steps)(x), net(x))
    layer = net.blocks[0]
    half = refined(as_steps(nn.Sequential(layer)))
    y = torch.randn(4, 5)
    middle = y + 0.5 * (layer(y) - y)
    torch.testing.assert_close(half(y), middle + 0.5 * (layer(middle) - middle))


def test_refining_keeps_a_net_of_short_steps_and_breaks_a_plain_one() -> None:
    shared = {"data": "digits", "width": 24, "depth": 8, "steps": 60}
    arms = [Arm(name=f"h = {h:g}", options={**shared, "step": h}) for h in (0.125, 1.0, 4.0)]
    plan = Plan(
        arms=(
            Arm(name="orders", options={"deepest": 64}),
            Arm(name="stability", options={"blocks": 800}),
            *arms,
            Arm(name="plain", options=shared),
        ),
        seeds=(0,),
    )
    result = run_plan(LAB, plan)
    found, number = verdicts(result), means(result)
    for key in ("equal", "order-euler", "order-heun", "stability", "hand", "reference"):
        assert found[key] == "holds", key
    assert number["refined"] > -0.05
    assert number["plain-refined"] < -0.3
    assert number["as-steps"] == pytest.approx(0, abs=0.01)


@pytest.mark.lab
def test_the_quick_lab_holds(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from plusone.labs import RunConfig, run_lab

    assert run_lab("euler", RunConfig(folder=tmp_path)).verdict == "holds"
