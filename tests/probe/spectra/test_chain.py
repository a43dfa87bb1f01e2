"""What bonds say: closed forms, dense chains and random matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plusone.probe.chain import (
    exact_largest,
    extrapolated_largest,
    probable_upper_bound,
    quadrature,
    residual,
    ritz_largest,
    tail,
)

bonds = st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=14)


def dense(values: list[float]) -> float:
    off = np.array(values)
    return float(np.linalg.eigvalsh(np.diag(off, 1) + np.diag(off, -1))[-1])


@given(bonds)
def test_the_ritz_value_is_the_top_eigenvalue_of_the_chain(values: list[float]) -> None:
    assert ritz_largest(values) == pytest.approx(dense(values), rel=2e-5)


@given(bonds)
def test_the_exact_value_is_that_eigenvalue_to_rounding(values: list[float]) -> None:
    assert exact_largest(values) == pytest.approx(dense(values), rel=1e-12)


@given(bonds)
def test_more_bonds_never_lower_the_ritz_value(values: list[float]) -> None:
    assert ritz_largest(values) >= ritz_largest(values[:-1]) * (1 - 2e-5)


@given(bonds)
def test_the_extrapolated_value_is_that_of_a_very_long_chain(values: list[float]) -> None:
    alpha, beta = tail(values)
    pair = (alpha, beta) if len(values) % 2 == 0 else (beta, alpha)
    long = dense(values + list(pair) * 100)
    found = extrapolated_largest(values)
    assert found >= long * (1 - 2e-5)
    assert found == pytest.approx(long, rel=2e-3)


@pytest.mark.parametrize("ratio", [0.25, 1.0, 4.0])
def test_a_chain_of_constant_bonds_ends_at_their_sum(ratio: float) -> None:
    assert extrapolated_largest([1.0, ratio] * 2) == pytest.approx(1 + ratio)


def test_a_strong_first_bond_makes_an_isolated_value() -> None:
    # One bond c before a tail of ones: s = c^2 / sqrt(c^2 - 1) above the band edge 2.
    assert extrapolated_largest([3.0, 1.0, 1.0, 1.0, 1.0, 1.0]) == pytest.approx(
        9 / math.sqrt(8), rel=1e-4
    )


def test_zero_bonds_are_a_zero_matrix() -> None:
    assert ritz_largest([0.0, 0.0]) == 0.0
    assert extrapolated_largest([0.0, 0.0]) == 0.0
    assert probable_upper_bound([0.0, 0.0], num_inputs=5) == 0.0


@given(bonds, st.integers(0, 30))
def test_quadrature_weights_sum_to_one(values: list[float], cells: int) -> None:
    nodes, weights = quadrature(values[: len(values) // 2 * 2], num_tail=cells)
    assert weights.sum() == pytest.approx(1.0)
    assert (nodes >= -1e-12).all()


def bidiagonalise(A: np.ndarray, v: np.ndarray, num_bonds: int) -> list[float]:
    """Dense Golub-Kahan, fully orthogonalised."""
    right, left, found = [v / np.linalg.norm(v)], [], []
    while len(found) < num_bonds:
        basis, x = (left, A @ right[-1]) if len(left) < len(right) else (right, A.T @ left[-1])
        for q in basis + basis:
            x = x - (q @ x) * q
        found.append(float(np.linalg.norm(x)))
        basis.append(x / found[-1])
    return found


def test_moments_of_the_gauss_rule_are_those_of_the_matrix() -> None:
    generator = np.random.default_rng(0)
    A, v = generator.standard_normal((30, 20)), generator.standard_normal(20)
    v /= np.linalg.norm(v)
    nodes, weights = quadrature(bidiagonalise(A, v, 8))
    gram = A.T @ A
    for power in range(8):
        exact = v @ np.linalg.matrix_power(gram, power) @ v
        assert (weights * nodes ** (2 * power)).sum() == pytest.approx(exact)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 10))
def test_some_singular_value_lies_within_the_residual(seed: int, steps: int) -> None:
    generator = np.random.default_rng(seed)
    A = generator.standard_normal((25, 20)) * np.exp(generator.standard_normal(20))
    found = bidiagonalise(A, generator.standard_normal(20), steps)
    before = ritz_largest(found[:-1])
    distance = np.abs(np.linalg.svd(A, compute_uv=False) - before).min()
    assert distance <= residual(found) + 1e-4 * before


@pytest.mark.parametrize("outlier", [1.0, 1.3, 3.0])
def test_the_probable_bound_holds_nearly_always(outlier: float) -> None:
    generator = np.random.default_rng(1)
    d = 300
    scales = np.ones(d)
    scales[0] = outlier * 2
    A = generator.standard_normal((d, d)) / math.sqrt(d) * scales
    top = float(np.linalg.svd(A, compute_uv=False)[0])
    broken = 0
    for _ in range(100):
        found = bidiagonalise(A, generator.standard_normal(d), 6)
        assert ritz_largest(found) <= top * (1 + 1e-4)
        broken += probable_upper_bound(found, num_inputs=d) < top
    assert broken <= 10  # 5 expected at most


@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
def test_the_edge_of_a_wishart_spectrum_is_known_after_three_pairs(aspect: float) -> None:
    n = 1500
    torch.manual_seed(3)
    A = (torch.randn(int(n * aspect), n) / math.sqrt(n)).double().numpy()
    found = bidiagonalise(A, np.random.default_rng(0).standard_normal(n), 6)
    edge = 1 + math.sqrt(aspect)
    assert extrapolated_largest(found) == pytest.approx(edge, rel=0.03)
    assert ritz_largest(found) < 0.94 * edge
