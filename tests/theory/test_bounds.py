from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plusone.theory import bounds, log_eigenvalue_power

BETAS = st.lists(st.floats(0, 0.9), min_size=1, max_size=6)


@given(BETAS, st.integers(0, 10_000))
def test_the_singular_values_of_a_product_lie_between_the_bounds(
    betas: list[float], seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    product = torch.eye(5, dtype=torch.float64)
    for beta in betas:
        block = torch.randn(5, 5, generator=rng, dtype=torch.float64)
        block *= beta / torch.linalg.matrix_norm(block, 2)
        product = (torch.eye(5, dtype=torch.float64) + block) @ product
    found = bounds(betas)
    values = torch.linalg.svdvals(product).log()
    assert float(values.max()) <= float(found.log_upper) + 1e-9
    assert float(values.min()) >= float(found.log_lower) - 1e-9
    assert float(found.log_typical) <= float(found.log_upper)


def test_equal_blocks_are_one_spectral_norm_and_a_depth() -> None:
    one, other = bounds(0.5, 40), bounds([0.5] * 40)
    for name in ("log_plain", "log_upper", "log_lower", "log_typical"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))
    assert bounds(np.array([0.1, 0.2]), 10).log_upper.shape == (2,)


def test_fifty_random_blocks_lie_far_below_the_bound_and_at_the_typical_size() -> None:
    width, depth = 200, 50
    rng = torch.Generator().manual_seed(0)
    v = torch.randn(width, 200, generator=rng)
    before = v.square().sum(0)
    for _ in range(depth):
        # Spectral norm 1 at large width: the entries' deviation is 1/2 over sqrt(width).
        v = v + 0.5 * width**-0.5 * torch.randn(width, width, generator=rng) @ v
    found = bounds(1.0, depth)
    measured = float((v.square().sum(0) / before).log().mean()) / 2
    # One net: some 0.1 over nets at this width, 0.02 of it from 200 vectors.
    assert measured == pytest.approx(float(found.log_typical), abs=0.4)
    assert float(found.log_upper) == pytest.approx(50 * math.log(2))
    assert float(found.log_plain) == 0.0


def test_a_skip_moves_the_eigenvalue_by_one() -> None:
    plain, skipped = log_eigenvalue_power(0.01, 100)
    assert plain == pytest.approx(100 * math.log(0.01))
    assert skipped == pytest.approx(100 * math.log(1.01))
    assert log_eigenvalue_power(-1.0, 3)[1] == -math.inf
    assert log_eigenvalue_power(1j, 2) == pytest.approx((0.0, math.log(2)))
