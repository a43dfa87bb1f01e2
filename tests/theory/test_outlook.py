"""The outlook: what surrounds one prediction."""

from __future__ import annotations

import math

import numpy as np
import pytest

from plusone.errors import InputError
from plusone.theory import Stack, largest_density, outlook, predict, smallest_density


def test_the_window_of_an_outlook_is_where_the_label_changes() -> None:
    found = outlook(predict(200, 0.3, activation="relu"))
    assert found.densities is not None
    assert found.largest_depth is not None
    low, high = found.densities
    assert low == 0.0
    labels = [str(predict(200, p).label) for p in (high - 1e-5, high + 1e-5)]
    assert labels == ["trainable", "exploding"]
    depths = [str(predict(d, 0.3).label) for d in (found.largest_depth, found.largest_depth + 1)]
    assert depths == ["trainable", "exploding"]


@pytest.mark.parametrize("gain", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("depth", [3, 30, 300])
def test_the_trainable_densities_are_those_of_a_fine_grid(gain: float, depth: int) -> None:
    stack = Stack(gain=gain)
    grid = np.linspace(0, 1, 2001)
    inside = grid[stack.at(depth, grid).label == "trainable"]
    ends = smallest_density(depth, stack), largest_density(depth, stack)
    if inside.size:
        assert ends == pytest.approx((inside[0], inside[-1]), abs=6e-4)
    else:
        assert all(map(math.isnan, ends))


def test_the_bounds_hold_for_the_root_mean_square_of_the_prediction() -> None:
    for activation in ("linear", "relu"):
        found = outlook(predict(20, 1.0, gain=0.3, scale=0.5, activation=activation))
        assert found.bounds is not None
        assert found.prediction.log_second_moment / 2 <= found.bounds.log_upper.sum()
    assert outlook(predict(20, 1.0, norm="layer")).bounds is None


def test_a_pattern_says_nothing_of_other_depths() -> None:
    found = outlook(predict(pattern=[True, False, True]))
    assert found.largest_depth is None
    assert found.densities is None
    scales = outlook(predict(2, 0.5, scale=[0.5, 2.0]))
    assert scales.densities is None
    assert scales.bounds is not None


def test_an_outlook_of_many_settings_is_refused() -> None:
    with pytest.raises(InputError, match="one depth, density and gain"):
        outlook(predict([1, 2], 0.5))
