"""Euler's limit against the growth of powers of the matrix itself, and its closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from plusone.theory import euler_growth, euler_limit


@pytest.mark.parametrize(
    ("eigenvalues", "limit"),
    [
        ([-2.0], 1.0),
        ([-0.5, -4.0], 0.5),
        ([complex(-1, 1), complex(-1, -1)], 1.0),
        ([complex(0, 1)], 0.0),
        ([0.3, -1.0], 0.0),
        ([0.0, 0.0], math.inf),
        ([0.0, -2.0], 1.0),
        ([], math.inf),
        ([1e-17, -2.0], 1.0),
        ([math.nan], math.nan),
    ],
)
def test_the_limit_is_its_closed_form(eigenvalues: list[complex], limit: float) -> None:
    assert euler_limit(eigenvalues) == pytest.approx(limit, nan_ok=True)


def test_what_is_smaller_than_rounding_is_no_eigenvalue() -> None:
    assert euler_limit([1e-8, -2.0]) == 0.0
    assert euler_limit([1e-8, -2.0], rounding=1e-7) == pytest.approx(1.0)


def test_no_eigenvalues_grow_by_nothing_known() -> None:
    assert math.isnan(euler_growth([]))
    assert euler_growth([-0.5, 0.5j], step=2.0) == pytest.approx(abs(1 + 1j))


@pytest.mark.parametrize("seed", range(4))
def test_powers_decay_just_below_the_limit_and_grow_just_above(seed: int) -> None:
    draw = np.random.default_rng(seed)
    b = draw.standard_normal((5, 5))
    jacobian = (b - b.T) - 0.5 * np.eye(5) - b @ b.T / 5
    limit = euler_limit(np.linalg.eigvals(jacobian))
    for factor, grows in ((0.98, False), (1.02, True)):
        step = np.eye(5) + factor * limit * jacobian
        assert (np.linalg.norm(np.linalg.matrix_power(step, 4000)) > 1) == grows
        assert (euler_growth(np.linalg.eigvals(jacobian), factor * limit) > 1) == grows
