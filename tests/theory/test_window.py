from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plusone.theory import Stack, largest_depth, phase_diagram, predict, smallest_density


@given(st.floats(0.0, 1.0), st.floats(0.05, 3.0))
@settings(max_examples=50)
def test_the_largest_depth_is_the_window_over_the_rate(density: float, gain: float) -> None:
    rate = abs(density * math.log1p(gain) + (1 - density) * math.log(gain)) / 2
    exact = 3 * math.log(10) / rate if rate > 0 else math.inf
    found = largest_depth(density, Stack(gain=gain), most=500)
    assert found in {min(500, math.floor(exact * (1 + s))) for s in (-1e-9, 0, 1e-9)}


@given(st.integers(10, 2000), st.floats(0.01, 0.9))
@settings(max_examples=50)
def test_the_smallest_density_solves_for_the_lower_end_of_the_window(
    depth: int, gain: float
) -> None:
    log_a, log_1a = math.log(gain), math.log1p(gain)
    exact = (-6 * math.log(10) / depth - log_a) / (log_1a - log_a)
    found = smallest_density(depth, Stack(gain=gain))
    if exact <= 0:
        assert found == 0.0
    else:
        assert found == pytest.approx(exact, abs=1e-5)
        assert str(predict(depth, found, gain=gain).label) == "trainable"


def test_with_batch_norm_skips_are_what_keeps_a_deep_net_from_exploding() -> None:
    stack = Stack(norm="batch", activation="relu")
    density = smallest_density(200, stack)
    assert 0.5 < density < 1
    assert str(stack.at(200, density).label) == "trainable"
    assert str(stack.at(200, density - 0.01).label) == "exploding"


def test_a_depth_that_no_density_saves_has_none() -> None:
    assert math.isnan(smallest_density(1000, Stack(gain=1.5)))
    assert smallest_density(1000, Stack(gain=1.0)) == 0.0


def test_the_phase_diagram_holds_the_labels_of_every_pair() -> None:
    stack = Stack(gain=0.1, activation="relu")
    found = phase_diagram([1, 10, 100, 1000], np.linspace(0, 1, 5), stack)
    assert found.label.shape == found.log10_typical.shape == (5, 4)
    for i, density in enumerate(found.densities):
        for j, depth in enumerate(found.depths):
            assert found.label[i, j] == str(stack.at(depth, density).label)
    assert found.table() == (
        ("density", "1", "10", "100", "1,000"),
        ("0", "t", "v", "v", "v"),
        ("0.25", "t", "v", "v", "v"),
        ("0.5", "t", "t", "v", "v"),
        ("0.75", "t", "t", "v", "v"),
        ("1", "t", "t", "t", "e"),
    )
