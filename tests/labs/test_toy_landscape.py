"""The toy's Hessians, its descent and the laws of escape, each against something independent."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from plusone.labs import RunConfig, run_lab
from plusone.labs import toy_landscape as toy


@pytest.mark.parametrize("form", toy.FORMS)
@pytest.mark.parametrize("target", toy.TARGETS)
def test_the_hessian_at_the_origin_is_that_of_finite_differences(form: str, target: float) -> None:
    h = 1e-3

    def loss(a: float, b: float) -> float:
        f = toy.slope(form, torch.tensor([a, b], dtype=torch.float64))
        return float((target - f) ** 2 / 2)

    aa = (loss(h, 0) - 2 * loss(0, 0) + loss(-h, 0)) / h**2
    bb = (loss(0, h) - 2 * loss(0, 0) + loss(0, -h)) / h**2
    ab = (loss(h, h) - loss(h, -h) - loss(-h, h) + loss(-h, -h)) / (4 * h**2)
    expected = torch.tensor([[aa, ab], [ab, bb]], dtype=torch.float64)
    torch.testing.assert_close(toy.hessian_at_origin(form, target), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("form", "slope"), [("plain", 0.06), ("block skip", 1.06), ("layer skip", 1.56)]
)
def test_the_slopes_are_those_of_their_formulas(form: str, slope: float) -> None:
    assert float(toy.slope(form, torch.tensor([0.2, 0.3]))) == pytest.approx(slope)


@pytest.mark.parametrize("form", toy.FORMS)
def test_descent_takes_the_steps_of_torchs_own_sgd(form: str) -> None:
    start = torch.tensor([[0.13, -0.05], [-0.2, 0.07]], dtype=torch.float64)
    found = toy.descend(form, 1.5, start)
    for row, steps in zip(start, found, strict=True):
        assert _sgd(row, toy.RATE, 1.5, lambda w: toy.slope(form, w)) == int(steps)


def _sgd(
    start: Tensor, rate: float, target: float, slope: Callable[[Tensor], Tensor]
) -> int | None:
    """The steps of torch's own SGD until the loss is below the tolerance."""
    w = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.SGD([w], lr=rate)
    for step in range(5000):
        loss = (target - slope(w)) ** 2 / 2
        if float(loss.detach()) < toy.TOLERANCE:
            return step
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return None


@pytest.mark.parametrize("has_skips", [False, True])
def test_descent_in_depth_is_that_of_sgd_on_every_weight_of_its_own(has_skips: bool) -> None:
    depth, radius = 3, 0.3
    start = torch.full((depth,), 0.0 if has_skips else radius, dtype=torch.float64)
    expected = _sgd(
        start,
        toy.DEPTH_RATE / depth,
        toy.DEPTH_TARGET,
        lambda w: (w + float(has_skips)).prod(),
    )
    assert toy.depth_steps(depth, radius, has_skips=has_skips) == expected


@pytest.mark.parametrize(("depth", "radius"), [(2, 0.1), (3, 0.01), (4, 0.02), (6, 0.1)])
def test_the_law_of_leaving_and_settling_is_the_time_of_the_differential_equation(
    depth: int, radius: float
) -> None:
    """dw/dt = (a - w^L) w^(L-1) until the loss is below the tolerance, in steps of rate / L."""

    def miss(w: np.ndarray) -> float:
        return toy.DEPTH_TARGET - float(w[0]) ** depth

    def is_there(t: float, w: np.ndarray) -> float:
        return miss(w) - math.sqrt(2 * toy.TOLERANCE)

    is_there.terminal = True  # type: ignore[attr-defined]
    reach = solve_ivp(
        lambda t, w: miss(w) * w ** (depth - 1),
        (0, 1e12),
        [radius],
        events=is_there,
        method="LSODA",
        rtol=1e-10,
        atol=1e-12,
    )
    steps = float(reach.t_events[0][0]) / (toy.DEPTH_RATE / depth)
    law = toy.escape_law(depth, radius) + toy.settling_law(depth, radius)
    assert law == pytest.approx(steps, rel=1e-3)


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("radius", [0.3, 0.1, 0.05])
def test_the_law_is_what_descent_takes(depth: int, radius: float) -> None:
    """Leaving alone is short by a factor of 1.01 to 3.3 here."""
    law = toy.escape_law(depth, radius) + toy.settling_law(depth, radius)
    assert law == pytest.approx(toy.depth_steps(depth, radius, has_skips=False), rel=0.03)


def test_the_law_at_depth_two_is_the_logarithm_of_the_distance() -> None:
    rate = toy.DEPTH_RATE / 2 * toy.DEPTH_TARGET
    e_fold = toy.escape_law(2, 0.01) - toy.escape_law(2, 0.01 * math.e)
    assert e_fold == pytest.approx(1 / rate)


def test_the_lab_is_mixed_because_the_popular_account_is_half_right(tmp_path) -> None:  # type: ignore[no-untyped-def]
    result = run_lab("toy-landscape", RunConfig(folder=tmp_path))
    verdicts = {o.prediction.key: o.verdict for o in result.outcomes}
    assert result.verdict == "mixed"
    assert verdicts.pop("skip-curvature") == verdicts.pop("skip-speed") == "fails"
    assert set(verdicts.values()) == {"holds"}
