from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from plusone.theory.activations import (
    ACTIVATIONS,
    Activation,
    derivative,
    half_square_difference,
    log_moment,
    mean_at_one,
    normal_cdf,
    slope,
    slope_spread,
)
from theory.random_nets import APPLY

Z = np.linspace(-12, 12, 480_000)
WEIGHT = np.exp(-0.5 * Z**2) * (Z[1] - Z[0]) / math.sqrt(2 * math.pi)


def dense_mean(values: np.ndarray) -> float:
    return float(WEIGHT @ values)


def applied(activation: Activation, x: np.ndarray) -> np.ndarray:
    return APPLY[activation](torch.from_numpy(x)).numpy()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("q", [1e-6, 0.3, 1.0, 7.0, 300.0])
def test_moments_are_those_of_a_dense_sum(activation: Activation, q: float) -> None:
    log_q = np.log(np.array([q]))
    x = math.sqrt(q) * Z
    moment = dense_mean(applied(activation, x) ** 2)
    assert float(np.exp(log_moment(activation, log_q))[0]) == pytest.approx(moment, rel=1e-7)
    square = dense_mean(derivative(activation, x) ** 2)
    assert float(slope(activation, log_q)[0]) == pytest.approx(square, rel=1e-7)
    spread = dense_mean(derivative(activation, x) ** 4) / square**2
    assert float(slope_spread(activation, log_q)[0]) == pytest.approx(spread, rel=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_mean_and_the_derivative_are_those_of_torch(activation: Activation) -> None:
    assert mean_at_one(activation) == pytest.approx(dense_mean(applied(activation, Z)), abs=1e-8)
    x = torch.linspace(-4, 4, 101, dtype=torch.float64).add(1e-3).requires_grad_()
    (exact,) = torch.autograd.grad(APPLY[activation](x).sum(), x)
    assert np.allclose(derivative(activation, x.detach().numpy()), exact.numpy(), atol=1e-11)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("gap", [1e-9, 1e-3, 0.4, 1.0, 1.7])
def test_the_difference_of_two_inputs_is_that_of_a_dense_double_sum(
    activation: Activation, gap: float
) -> None:
    q = 1.5
    z = np.linspace(-8, 8, 1601)
    weight = np.exp(-0.5 * z**2) * (z[1] - z[0]) / math.sqrt(2 * math.pi)
    middle, apart = math.sqrt(q * (2 - gap) / 2) * z[:, None], math.sqrt(q * gap / 2) * z
    difference = applied(activation, middle + apart) - applied(activation, middle - apart)
    expected = 0.5 * float(weight @ difference**2 @ weight)
    found = half_square_difference(activation, np.array([q]), np.array([gap]))
    tolerance = 2e-3 if activation == "relu" else 1e-6  # the double sum errs at the kink
    assert float(found[0]) == pytest.approx(expected, rel=tolerance)


def test_small_differences_through_relu_keep_their_digits() -> None:
    gap = np.array([1e-12, 1e-8, 1e-4])
    angle = 2 * np.arcsin(np.sqrt(gap / 2))
    lost = angle**3 / (3 * math.pi)
    found = 2 * half_square_difference("relu", np.ones(3), gap)
    assert np.allclose((gap - found) / lost, 1.0, rtol=1e-3)


def test_the_normal_distribution_function_is_exact_to_1e_12() -> None:
    x = np.linspace(-12, 12, 10_001)
    exact = [0.5 * math.erfc(-v / math.sqrt(2)) for v in x.tolist()]
    assert np.abs(normal_cdf(x) - exact).max() < 1e-12


def test_extreme_second_moments_stay_finite() -> None:
    log_q = np.array([-5000.0, -700.0, 0.0, 60.0])
    for activation in ACTIVATIONS:
        assert np.isfinite(log_moment(activation, log_q)).all()
        assert np.isfinite(slope(activation, log_q)).all()
