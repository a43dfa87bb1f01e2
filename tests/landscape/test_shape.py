"""Turns, negative curvature and rise, on slices and surfaces of known functions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusone.landscape import Slice, Surface, slice_shape, surface_shape

GRID = tuple(np.linspace(-1, 1, 21).tolist())


def slice_of(function: Callable[[float], float]) -> Slice:
    return Slice(positions=GRID, losses=tuple(map(function, GRID)))


def surface_of(function: Callable[[float, float], float]) -> Surface:
    rows = tuple(tuple(function(a, b) for a in GRID) for b in GRID)
    return Surface(across=GRID, up=GRID, losses=rows)


def test_one_valley_turns_once_and_is_convex() -> None:
    found = slice_shape(slice_of(lambda a: 1 + (a - 0.03) ** 2))
    assert (found.turns, found.nonconvex, found.nonfinite) == (1, 0.0, 0.0)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_each_valley_of_a_wave_adds_two_turns(k: int) -> None:
    found = slice_shape(slice_of(lambda a: 2 + math.cos(k * math.pi * (a + 0.001))))
    assert found.turns in (2 * k - 1, 2 * k)
    assert 0.3 < found.nonconvex < 0.7


def test_a_hill_is_all_nonconvex() -> None:
    found = slice_shape(slice_of(lambda a: 5 - a**2))
    assert (found.turns, found.nonconvex) == (1, 1.0)


def test_rounding_is_no_slope() -> None:
    noise = np.random.default_rng(0).uniform(-1e-7, 1e-7, 21)
    losses = tuple((2 + noise).tolist())
    found = slice_shape(Slice(positions=GRID, losses=losses))
    assert (found.turns, found.nonconvex) == (0, 0.0)


def test_losses_that_are_not_finite_break_the_slice() -> None:
    losses = [a**2 + 1 for a in GRID]
    losses[3], losses[4] = math.inf, math.nan
    found = slice_shape(Slice(positions=GRID, losses=(*losses[:-1], None)))
    assert found.turns == 1
    assert found.nonconvex == 0.0
    assert found.nonfinite == pytest.approx(2 / 20)


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=30))
def test_a_slice_and_its_mirror_have_the_same_shape(values: list[float]) -> None:
    positions = tuple(map(float, range(len(values))))
    there = slice_shape(Slice(positions=positions, losses=tuple(values)))
    back = slice_shape(Slice(positions=positions, losses=tuple(reversed(values))))
    assert there.turns == back.turns
    assert there.nonconvex == back.nonconvex or math.isnan(there.nonconvex)


@pytest.mark.parametrize(
    ("function", "negative", "saddle"),
    [
        (lambda a, b: 1 + a * a + b * b, 0.0, 0.0),
        (lambda a, b: 3 + a * a - b * b, 1.0, 1.0),
        (lambda a, b: 3 + a * b, 1.0, 1.0),
        (lambda a, b: 3 - a * a - 0.5 * b * b, 1.0, 0.0),
        (lambda a, b: 1 + (a + b) ** 2, 0.0, 0.0),
        (lambda a, b: 1 + a, 0.0, 0.0),
    ],
)
def test_curvature_of_quadratics_is_exact(
    function: Callable[[float, float], float], negative: float, saddle: float
) -> None:
    found = surface_shape(surface_of(function))
    assert (found.negative_curvature, found.saddle) == (negative, saddle)
    assert found.nonfinite == 0.0


def test_the_share_of_negative_curvature_is_an_area() -> None:
    # a^3 curves down on the left half of the plane.
    found = surface_shape(surface_of(lambda a, b: 4 + (a - 0.05) ** 3 + b * b))
    assert found.negative_curvature == pytest.approx(0.5, abs=0.05)


def test_the_rise_is_the_highest_loss_in_the_unit_ball() -> None:
    found = surface_shape(surface_of(lambda a, b: 1 + a * a + 3 * b * b))
    assert found.rise == pytest.approx(3.0)
    assert found.turns == 1.0


def test_a_surface_that_blows_up_rises_to_infinity() -> None:
    found = surface_shape(surface_of(lambda a, b: math.inf if a > 0.5 else 1 + a * a))
    assert found.rise == math.inf
    assert found.nonfinite == pytest.approx(5 / 21)
    assert found.negative_curvature == 0.0


def test_what_was_not_computed_does_not_count() -> None:
    whole = surface_of(lambda a, b: 1 + a * a + b * b)
    rows = tuple(row if 8 <= i <= 12 else (None,) * 21 for i, row in enumerate(whole.losses))
    found = surface_shape(Surface(across=GRID, up=GRID, losses=rows))
    assert (found.negative_curvature, found.nonfinite) == (0.0, 0.0)
    assert found.rise > 0
    empty = surface_shape(Surface(across=GRID, up=GRID, losses=((None,) * 21,) * 21))
    assert math.isnan(empty.negative_curvature)
    assert math.isnan(empty.rise)
