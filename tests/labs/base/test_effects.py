"""Intervals against SciPy's own, their coverage by Monte Carlo, and Hedges' g by its definition."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from plusone.labs.base.effects import effect, interval


def test_the_interval_is_that_of_scipys_one_sample_t_test() -> None:
    x = np.random.default_rng(0).normal(3, 2, size=7)
    low, high = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    assert interval(list(x)) == pytest.approx((x.mean(), low, high), rel=1e-12)


def test_one_value_is_its_own_interval() -> None:
    assert interval([2.5]) == (2.5, 2.5, 2.5)


def test_a_value_that_is_not_finite_leaves_no_number_unless_all_are_the_same() -> None:
    assert all(map(math.isnan, interval([1.0, math.inf])))
    assert interval([math.inf, math.inf]) == (math.inf, math.inf, math.inf)


@pytest.mark.parametrize(
    ("values", "within"),
    [
        ([0.8, 1.0, 1.0], (0, 1)),
        ([0.02, 0.0, 0.11, 0.0], (0, 1)),
        ([-0.99, -0.93, -1.0], (-1, 1)),
        ([0.1, 8.0, 0.2], (0, math.inf)),
        ([0.0, 0.0, 0.3], (0, math.inf)),
    ],
)
def test_the_interval_stays_inside_the_range_of_its_values(
    values: list[float], within: tuple[float, float]
) -> None:
    plain_mean, plain_low, plain_high = interval(values)
    assert plain_low < within[0] or plain_high > within[1]
    mean, low, high = interval(values, within)
    assert mean == plain_mean
    assert within[0] < low < mean < high < within[1]


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_values_that_all_lie_on_an_end_are_their_own_interval(end: float) -> None:
    assert interval([end] * 3, (0, 1)) == (end, end, end)


def test_far_from_the_ends_a_range_changes_nothing_to_speak_of() -> None:
    x = [0.500, 0.503, 0.498]
    assert interval(x, (0, 1)) == pytest.approx(interval(x), abs=1e-6)
    assert interval(x, (-50, math.inf)) == pytest.approx(interval(x), abs=1e-6)


@pytest.mark.parametrize(
    ("values", "within", "variance"),
    [
        ([0.99, 0.9, 0.95, 1.0], (0, 1), lambda u: u * (1 - u)),
        ([-0.99, -0.9, -0.95, -0.93], (-1, 1), lambda u: 1 - u**2),
        ([0.1, 3.0, 0.2], (0, math.inf), lambda u: u),
    ],
)
def test_the_ends_are_the_means_at_which_the_measured_one_is_just_no_surprise(
    values: list[float], within: tuple[float, float], variance: Callable[[float], float]
) -> None:
    mean, low, high = interval(values, within)
    error = stats.sem(values)
    for end in (low, high):
        deviation = error * math.sqrt(variance(end) / variance(mean))
        p_value = 2 * stats.t.sf(abs(mean - end) / deviation, len(values) - 1)
        assert p_value == pytest.approx(0.05, rel=1e-9)


def test_a_value_out_of_its_range_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match=r"1\.2 is above 1"):
        interval([0.9, 1.2], (0, 1))


def test_near_an_end_the_interval_covers_the_mean_where_a_clipped_one_does_not() -> None:
    """Three shares of mean 0.95, deviation 0.066: the numbers of `interval`'s docstring."""
    rng = np.random.default_rng(0)
    covered = np.zeros(2)
    for x in rng.beta(9.5, 0.5, size=(4000, 3)):
        for place, within in enumerate([(0.0, 1.0), (-math.inf, math.inf)]):
            _, low, high = interval(list(x), within)
            covered[place] += low <= 0.95 <= high
    assert covered / 4000 == pytest.approx([0.92, 0.83], abs=0.02)


def test_the_difference_has_the_interval_of_the_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(1, 1, size=6), rng.normal(0, 1, size=6)
    found = effect("x", ("a", list(a)), ("b", list(b)))
    low, high = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (found.difference, found.low, found.high) == pytest.approx((np.mean(a - b), low, high))


def test_hedges_g_is_the_difference_over_the_pooled_deviation_with_its_correction() -> None:
    a, b = np.asarray([5.0, 6.0, 8.0]), np.asarray([1.0, 2.0, 2.0])
    found = effect("x", ("a", list(a)), ("b", list(b)))
    pooled = math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    assert found.hedges_g == pytest.approx((a.mean() - b.mean()) / pooled * (1 - 3 / (4 * 4 - 1)))
    assert found.g_low < found.hedges_g < found.g_high


def test_the_interval_of_g_covers_the_true_effect_in_95_of_100_draws() -> None:
    rng = np.random.default_rng(2)
    true, draws, covered = 0.8, 400, 0
    for _ in range(draws):
        a, b = rng.normal(true, 1, size=8), rng.normal(0, 1, size=8)
        found = effect("x", ("a", list(a)), ("b", list(b)))
        correction = 1 - 3 / (4 * 14 - 1)
        covered += found.g_low <= true * correction <= found.g_high
    # Three standard errors of a share of 0.95 over 400 draws are 0.033.
    assert abs(covered / draws - 0.95) < 0.033


def test_equal_seeds_have_a_difference_and_no_g() -> None:
    found = effect("x", ("a", [2.0, 2.0]), ("b", [1.0, 1.0]))
    assert (found.difference, found.low, found.high) == (1.0, 1.0, 1.0)
    assert math.isnan(found.hedges_g)


def below(t: float, degrees: int, noncentrality: float) -> float:
    """P(T < t) of the noncentral t: the normal's, averaged over the chi-square's root."""
    s = np.sqrt(stats.chi2.ppf((np.arange(40_000) + 0.5) / 40_000, degrees) / degrees)
    return float(stats.norm.cdf(t * s - noncentrality).mean())


@pytest.mark.parametrize("degrees", [4, 8, 18])
@pytest.mark.parametrize("shift", [0.0, 0.4, -1.1, 2.6, -4.2, 8.0, -12.0])
def test_the_interval_of_g_is_there_for_either_sign_and_solves_the_noncentral_t(
    degrees: int, shift: float
) -> None:
    n = degrees // 2 + 1
    base = np.linspace(-1, 1, n) / np.linspace(-1, 1, n).std(ddof=1)
    found = effect("x", ("a", list(base + shift)), ("b", list(base[::-1])))
    correction = 1 - 3 / (4 * degrees - 1)
    t = found.hedges_g / correction * math.sqrt(n / 2)
    ends = [g / correction * math.sqrt(n / 2) for g in (found.g_low, found.g_high)]
    assert below(t, degrees, ends[0]) == pytest.approx(0.975, abs=1e-3)
    assert below(t, degrees, ends[1]) == pytest.approx(0.025, abs=1e-3)
