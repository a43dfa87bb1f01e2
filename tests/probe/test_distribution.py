"""Distances, medians and the noise of one random start, against matrices of known spectra."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusone.distributions import Rule, pool, probe_noise, spread, wasserstein
from plusone.probe.chain import quadrature
from plusone.probe.distribution import median, median_noise, median_resolution

numbers = st.lists(st.floats(-100, 100), min_size=1, max_size=8)


def equal(nodes: list[float]) -> Rule:
    return np.array(nodes), np.full(len(nodes), 1.0 / len(nodes))


@given(
    st.integers(1, 8).flatmap(
        lambda n: st.tuples(*[st.lists(st.floats(-9, 9), min_size=n, max_size=n)] * 2)
    )
)
def test_the_distance_of_equally_many_points_is_that_of_the_sorted_ones(
    pair: tuple[list[float], list[float]],
) -> None:
    first, second = pair
    exact = np.abs(np.sort(first) - np.sort(second)).mean()
    assert wasserstein(equal(first), equal(second)) == pytest.approx(exact, abs=1e-9)


@given(numbers, numbers, numbers)
def test_the_distance_is_a_metric(a: list[float], b: list[float], c: list[float]) -> None:
    ab, bc, ac = (wasserstein(equal(x), equal(y)) for x, y in ((a, b), (b, c), (a, c)))
    assert ac <= ab + bc + 1e-9
    assert ab == pytest.approx(wasserstein(equal(b), equal(a)))
    assert wasserstein(equal(a), equal(a)) == 0.0


def test_pooling_weighs_the_rules_alike_and_sorts() -> None:
    nodes, weights = pool([equal([3.0, 1.0]), equal([2.0])])
    assert nodes.tolist() == [1.0, 2.0, 3.0]
    assert weights.tolist() == [0.25, 0.5, 0.25]
    assert spread([equal([1.0])], equal([1.0])) == 0.0
    for values in ([1.0, 3.0], [1.0, 3.0, 8.0], [0.0, 2.0, 2.0, 4.0]):
        rules = [equal([value]) for value in values]
        # A point is as far from the pooled rule as from its points on average.
        distances = [sum(abs(a - b) for b in values) / len(values) for a in values]
        expected = sum(distances) / len(values) / math.sqrt(len(values) - 1)
        assert spread(rules, pool(rules)) == pytest.approx(expected)


@given(numbers)
def test_the_median_of_equal_weights_is_the_middle_one(values: list[float]) -> None:
    values = sorted(values)
    if len(values) % 2:
        assert median(equal(values)) == pytest.approx(np.median(values))
    else:
        below, above = values[len(values) // 2 - 1 : len(values) // 2 + 1]
        assert below - 1e-9 <= median(equal(values)) <= above + 1e-9


def random_weights(values: np.ndarray, generator: np.random.Generator) -> Rule:
    """The rule of a start uniform on the sphere: squared overlaps with each singular vector."""
    v = generator.standard_normal(len(values))
    return values, v**2 / (v**2).sum()


@pytest.mark.parametrize("num_rules", [1, 4])
@pytest.mark.parametrize("width", [20, 200])
def test_the_noise_of_a_start_is_its_distance_from_the_truth(width: int, num_rules: int) -> None:
    generator = np.random.default_rng(0)
    values = np.sort(generator.random(width))
    truth = equal(values.tolist())
    misses, stated = [], []
    for _ in range(400):
        rule = pool([random_weights(values, generator) for _ in range(num_rules)])
        misses.append(wasserstein(rule, truth))
        stated.append(probe_noise(rule, width=width, num_rules=num_rules))
    # The mean distance is sqrt(2 / pi) of the integrated deviation; four standard errors.
    ratio = np.mean(misses) / np.mean(stated)
    assert abs(ratio - math.sqrt(2 / math.pi)) <= 4 * np.std(misses) / np.mean(stated) / 20 + 0.03
    assert np.mean(np.array(misses) <= 2 * np.array(stated)) >= 0.95


@pytest.mark.parametrize("width", [20, 200])
def test_the_noise_of_the_median_is_its_standard_deviation(width: int) -> None:
    generator = np.random.default_rng(0)
    values = np.sort(generator.random(width))
    rules = [random_weights(values, generator) for _ in range(400)]
    found = np.array([median(rule) for rule in rules])
    stated = np.mean([median_noise(rule, width=width) for rule in rules])
    # 400 draws give the standard deviation to 3.5 %; the noise is read off each rule itself.
    assert found.std() == pytest.approx(stated, rel=0.2)


def test_one_value_has_neither_noise_nor_distance() -> None:
    rule = equal([2.0])
    assert probe_noise(rule, width=5, num_rules=1) == 0.0
    assert median_noise(rule, width=5) == 0.0


def test_the_resolution_is_a_part_of_the_gaps_around_the_median() -> None:
    bonds = [1.0, 0.7, 0.9, 0.6, 1.1, 0.5, 1.0, 0.4]
    nodes, weights = pool([quadrature(bonds)])
    middle = next(i for i in range(len(nodes)) if weights[: i + 1].sum() >= 0.5)
    below, above = nodes[middle] - nodes[middle - 1], nodes[middle + 1] - nodes[middle]
    assert median_resolution(bonds) == pytest.approx(0.25 * math.sqrt(below * above))
    assert median_resolution([2.0, 0.0]) == pytest.approx(0.5)
