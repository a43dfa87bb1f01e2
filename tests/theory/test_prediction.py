from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusone.theory import predict

DENSITY = st.floats(0, 1)
GAIN = st.floats(0.01, 5)
DEPTH = st.integers(1, 300)
ALL = [
    ("none", "pre", "linear"),
    ("none", "pre", "relu"),
    ("none", "pre", "tanh"),
    ("none", "pre", "gelu"),
    *(
        (norm, placement, activation)
        for norm in ("layer", "batch")
        for placement in ("pre", "post")
        for activation in ("linear", "relu", "tanh", "gelu")
    ),
]


@given(DEPTH, DENSITY, GAIN)
def test_without_norm_the_mean_is_a_power_of_density_plus_strength(
    depth: int, density: float, gain: float
) -> None:
    found = predict(depth, density, gain=gain, scale=0.5, activation="relu")
    a = gain / 4
    assert float(found.log_second_moment) == pytest.approx(depth * math.log(density + a), abs=1e-9)
    typical = density * math.log1p(a) + (1 - density) * math.log(a)
    assert float(found.mean_log_norm) == pytest.approx(depth * typical / 2, abs=1e-9)
    assert float(found.effective_depth) == pytest.approx(depth * a / (density + a))


@given(DEPTH, GAIN, DENSITY, DENSITY)
def test_more_skips_never_make_the_gradient_smaller(
    depth: int, gain: float, one: float, other: float
) -> None:
    found = predict(depth, [min(one, other), max(one, other)], gain=gain)
    assert np.all(np.diff(found.log_second_moment) >= -1e-9)
    assert np.all(np.diff(found.mean_log_norm) >= -1e-9)
    assert np.all(np.diff(found.effective_depth) <= 1e-9)


@given(DEPTH, DEPTH, DENSITY, GAIN)
def test_two_halves_of_a_depth_multiply(one: int, other: int, density: float, gain: float) -> None:
    found = predict([one, other, one + other], density, gain=gain, width=64)
    for field in (found.log_second_moment, found.mean_log_norm, found.var_log_norm):
        assert field[0] + field[1] == pytest.approx(field[2], abs=1e-8)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.1, 2)), min_size=1, max_size=12), st.randoms())
def test_the_order_of_blocks_does_not_matter_without_norm(
    blocks: list[tuple[bool, float]], random: object
) -> None:
    shuffled = sorted(blocks, key=lambda block: hash((block, str(random))))
    one, other = (
        predict(pattern=[skip for skip, _ in order], scale=[alpha for _, alpha in order])
        for order in (blocks, shuffled)
    )
    assert float(one.log_second_moment) == pytest.approx(float(other.log_second_moment), abs=1e-9)
    assert float(one.effective_depth) == pytest.approx(float(other.effective_depth))


@given(DEPTH, st.floats(0.01, 0.99), GAIN)
def test_the_typical_norm_lies_below_the_mean(depth: int, density: float, gain: float) -> None:
    assert float(predict(depth, density, gain=gain, width=128).rare_decades) > 0


@pytest.mark.parametrize("alpha", ["1/sqrt(L)", "1/L"])
def test_scales_that_shrink_with_depth_are_their_numbers(alpha: str) -> None:
    number = {"1/sqrt(L)": 400**-0.5, "1/L": 1 / 400}[alpha]
    named, given_number = predict(400, 0.9, scale=alpha), predict(400, 0.9, scale=number)
    as_list = predict(400, 0.9, scale=[number] * 400)
    for other in (given_number, as_list):
        assert named.log_second_moment == pytest.approx(other.log_second_moment)
        assert named.mean_log_norm == pytest.approx(other.mean_log_norm)


def test_with_all_skips_and_scale_1_over_sqrt_depth_the_mean_tends_to_e() -> None:
    found = predict(10_000, 1.0, scale="1/sqrt(L)")
    assert float(found.log_second_moment) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(("norm", "placement", "activation"), ALL)
@pytest.mark.parametrize("depth", [1, 3, 400])
@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_the_edges_give_numbers_and_never_a_warning(
    norm: str, placement: str, activation: str, depth: int, density: float
) -> None:
    for gain, scale in ((1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (1e-9, 1.0), (50.0, 1.0)):
        found = predict(
            depth,
            density,
            gain=gain,
            scale=scale,
            norm=norm,
            placement=placement,
            activation=activation,
        )
        is_dead = gain * scale == 0
        assert not np.isnan(found.log_second_moment)
        assert not np.isnan(found.mean_log_norm)
        if is_dead and density < 1:
            assert np.isneginf(found.mean_log_norm)
            assert str(found.label) == "vanishing"
        else:
            assert np.isfinite(found.log_second_moment)
            assert np.isfinite(found.var_log_norm)
        if is_dead and density == 1:
            assert float(found.log_second_moment) == pytest.approx(0.0, abs=1e-9)
        assert 0 <= float(found.effective_depth) <= depth + 1e-6


def test_branches_of_no_strength_leave_the_chance_that_all_blocks_have_a_skip() -> None:
    found = predict(20, 0.5, gain=0.0)
    assert float(found.log_second_moment) == pytest.approx(20 * math.log(0.5))
    assert np.isneginf(found.mean_log_norm)
    assert np.isnan(found.var_log_norm)


def test_a_depth_of_ten_thousand_does_not_overflow() -> None:
    found = predict(10_000, [0.0, 1.0], gain=[[0.1], [10.0]])
    assert np.isfinite(found.log_second_moment).all()
    assert found.label.tolist() == [["vanishing", "exploding"], ["exploding", "exploding"]]


def test_the_mean_can_explode_while_the_typical_net_vanishes() -> None:
    found = predict(300, 0.5, gain=0.55)
    assert float(found.log10_rms_norm) > 3
    assert str(found.label) == "vanishing"


def test_a_pattern_of_all_or_no_skips_is_a_density_of_1_or_0() -> None:
    for norm, placement, activation in ALL:
        for skip in (0, 1):
            options = {"norm": norm, "placement": placement, "activation": activation}
            one = predict(pattern=[skip] * 7, **options)
            other = predict(7, float(skip), **options)
            assert one.log_second_moment == pytest.approx(other.log_second_moment)
            assert one.effective_depth == pytest.approx(other.effective_depth)


def test_a_million_settings_come_with_a_few_array_operations() -> None:
    rng = np.random.default_rng(0)
    found = predict(rng.integers(1, 1000, 10**6), rng.random(10**6), gain=rng.random(10**6) + 0.1)
    assert found.mean_log_norm.shape == (10**6,)
