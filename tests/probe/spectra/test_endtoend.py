"""The end-to-end distribution of singular values, against exact decompositions."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import torch

from plusone.distributions import wasserstein
from plusone.probe.block_spectra import Unmeasured
from plusone.probe.endtoend import (
    DensityConfig,
    SingularDensity,
    end_to_end_density,
)
from plusone.probe.operator import Place
from probe.spectra.test_operator import Hidden

from oracle.dense_jacobian import dense_jacobian, singular_values


def chain(depth: int, width: int, scale: float = 0.3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        scale * torch.randn(width, width, generator=generator) / math.sqrt(width)
        for _ in range(depth)
    ]


def net(weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    for weight in weights:
        x = x + torch.tanh(x @ weight)
    return x


def plain(weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    for weight in weights:
        x = torch.relu(x @ weight)
    return x


def density(function: object, x: torch.Tensor, seed: int = 0, **config: float) -> SingularDensity:
    x = x.clone().requires_grad_() * 1
    y = function(x)
    found = end_to_end_density(
        Place.of(x),
        target=Place.of(y),
        batch=len(x),
        generator=torch.Generator().manual_seed(seed),
        config=DensityConfig(**config),
    )
    assert isinstance(found, SingularDensity)
    return found


def rule(values: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    nodes = values.flatten().numpy()
    return nodes, np.full(len(nodes), 1 / len(nodes))


def test_the_distance_of_shifted_points_is_the_shift() -> None:
    nodes = np.array([3.0, 1.0, 2.0])
    weights = np.array([0.2, 0.5, 0.3])
    assert wasserstein((nodes, weights), (nodes + 0.7, weights)) == pytest.approx(0.7)
    assert wasserstein((nodes, weights), (nodes[::-1], weights[::-1])) == pytest.approx(0.0)


@pytest.mark.parametrize("seed", range(3))
def test_the_density_of_a_residual_net_is_within_twice_its_error(seed: int) -> None:
    weights = chain(16, 128)
    x = torch.randn(8, 128)
    exact = singular_values(dense_jacobian(lambda z: net(weights, z), x))
    found = density(lambda z: net(weights, z), x, seed)
    top = float(exact.max())
    distance = wasserstein((np.array(found.nodes), np.array(found.weights)), rule(exact)) / top
    assert distance <= 0.025
    assert distance <= 2 * found.distance_error
    assert found.max.value == pytest.approx(float(exact[:, 0].mean()), rel=0.05)
    assert found.max_upper >= float(exact[:, 0].mean())
    median = float(exact.median(dim=1).values.mean())
    assert found.median.value == pytest.approx(median, rel=0.15)
    assert found.min_is_upper_bound
    assert found.min.value >= float(exact[:, -1].mean()) * (1 - 1e-6)
    assert sum(found.weights) == pytest.approx(1.0)
    assert not found.is_exact


@pytest.mark.parametrize(("inputs", "outputs"), [(60, 10), (10, 60)])
def test_few_inputs_or_outputs_are_decomposed_exactly(inputs: int, outputs: int) -> None:
    weight = torch.randn(inputs, outputs, dtype=torch.float64)
    x = torch.randn(4, inputs, dtype=torch.float64)
    exact = singular_values(dense_jacobian(lambda z: torch.tanh(z @ weight), x))
    found = density(lambda z: torch.tanh(z @ weight), x)
    assert found.is_exact
    assert found.converged
    assert found.num_products == 10
    assert not found.min_is_upper_bound
    assert found.max.value == pytest.approx(float(exact[:, 0].mean()))
    assert found.min.value == pytest.approx(float(exact[:, -1].mean()))
    median = np.median(exact.numpy(), axis=1).mean()
    assert found.median.value == pytest.approx(median)
    assert sum(found.weights) == pytest.approx(1.0)
    assert len(found.nodes) == 4 * 10


@pytest.mark.parametrize("samples", [1, 4])
def test_scaling_the_net_scales_the_values_and_no_relative_error(samples: int) -> None:
    weights = chain(4, 64)
    x = torch.randn(samples, 64, dtype=torch.float64)
    weights = [w.double() for w in weights]
    one, many = (density(lambda z, c=c: c * net(weights, z), x) for c in (1.0, 1e3))
    assert many.distance_error == pytest.approx(one.distance_error)
    assert many.num_products == one.num_products
    for name in ("min", "median", "max"):
        a, b = getattr(one, name), getattr(many, name)
        assert (b.value, b.error) == pytest.approx((1e3 * a.value, 1e3 * a.error))


@pytest.mark.parametrize(("inputs", "outputs"), [(150, 40), (40, 150)])
def test_the_quadrature_works_in_the_smaller_space(inputs: int, outputs: int) -> None:
    weight = torch.randn(inputs, outputs) / math.sqrt(inputs)
    x = torch.randn(8, inputs)
    exact = singular_values(dense_jacobian(lambda z: torch.tanh(z @ weight), x))
    found = density(lambda z: torch.tanh(z @ weight), x)
    top = float(exact.max())
    distance = wasserstein((np.array(found.nodes), np.array(found.weights)), rule(exact)) / top
    assert distance <= 0.05
    assert distance <= 2 * found.distance_error


def test_more_probes_narrow_the_error() -> None:
    weights = chain(4, 64)
    x = torch.randn(2, 64)
    one, nine = (density(lambda z: net(weights, z), x, num_probes=p, max_steps=5) for p in (1, 9))
    assert nine.max.stderr is not None
    assert one.max.stderr is not None
    assert nine.distance_error < one.distance_error
    assert nine.num_products > 8 * one.num_products


def test_the_identity_is_known_at_once() -> None:
    found = density(lambda z: 2 * z, torch.randn(3, 40))
    assert found.num_products == 2
    assert (found.min.value, found.median.value, found.max.value) == pytest.approx((2, 2, 2))
    assert found.converged
    assert not found.min_is_upper_bound
    assert found.distance_error == pytest.approx(0.0, abs=1e-6)


def test_a_singular_net_of_two_values_is_known_to_its_smallest() -> None:
    scale = torch.tensor([0.0, 3.0]).repeat(20)
    found = density(lambda z: z * scale, torch.randn(3, 40))
    assert not found.min_is_upper_bound
    assert found.min.value == pytest.approx(0.0, abs=1e-6)
    assert found.max.value == pytest.approx(3.0)


@pytest.mark.parametrize("offset", [0.0, 1.0])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.75])
def test_between_two_values_there_is_no_median(share: float, offset: float) -> None:
    mask = offset + (torch.arange(400) < round(400 * share)).float()
    for seed in range(8):
        found = density(lambda z: z * mask, torch.randn(2, 400), seed)
        middle = float(mask.median())
        assert abs(found.median.value - middle) <= 2 * found.median.total + 1e-6
        halves = 2 * (found.median.value - offset)  # the mean of two samples' medians
        assert halves == pytest.approx(round(halves), abs=1e-5)
        if share != 0.6:  # which is three deviations of a start away from one half
            assert found.median.value == pytest.approx(middle)


def test_a_median_of_zero_below_a_wide_band_is_not_resolved() -> None:
    # Rank 90 of 300: a few products see the band, but not that most values are zero.
    left, right = (torch.randn(300, 300) / math.sqrt(300) for _ in range(2))
    mask = (torch.arange(300) < 90).float()
    unresolved = 0
    for seed in range(10):
        found = density(lambda z: (z @ left * mask) @ right, torch.randn(2, 300), seed)
        unresolved += "median" in found.unresolved
    assert unresolved >= 8


@pytest.mark.parametrize("samples", [1, 2, 8])
def test_distance_and_median_are_within_their_stated_errors(samples: int) -> None:
    """Of a residual, a plain and a wide net: within twice the error in 95 % of the cases."""
    nets = {
        "residual": (chain(8, 64), net),
        "plain": (chain(3, 64, 1.5), plain),
        "wide": (chain(1, 96, 1.0), lambda ws, z: torch.tanh(z @ ws[0][:, :40])),
    }
    far, off = [], []
    for weights, function in nets.values():
        for seed in range(12):
            generator = torch.Generator().manual_seed(seed)
            x = torch.randn(samples, weights[0].shape[0], generator=generator)
            with_weights = functools.partial(function, weights)
            exact = singular_values(dense_jacobian(with_weights, x))
            found = density(with_weights, x, seed)
            top = float(exact.max())
            nodes = np.array(found.nodes), np.array(found.weights)
            far.append(wasserstein(nodes, rule(exact)) / top / found.distance_error)
            middle = float(np.median(exact.numpy(), axis=1).mean())
            error = math.hypot(found.median.error, found.median.stderr or 0.0)
            off.append(abs(found.median.value - middle) / error)
    for misses in (far, off):
        within = [np.mean(np.array(misses) <= bound) for bound in (1, 2)]
        # 36 cases; nominal 0.68 and 0.95, each less two binomial standard errors.
        assert within[0] >= 0.52
        assert within[1] >= 0.88


def test_a_zero_jacobian_has_zero_singular_values() -> None:
    found = density(lambda z: 0 * z, torch.randn(3, 40))
    assert found.max.value == 0.0
    assert found.converged


def test_what_is_not_finite_is_nan() -> None:
    found = density(lambda z: z * math.nan, torch.randn(3, 40))
    assert math.isnan(found.max.value)
    assert not found.converged
    small = density(lambda z: z * math.inf, torch.randn(3, 4))
    assert math.isnan(small.max.value)


def test_results_depend_on_the_generator_alone() -> None:
    weights = chain(4, 64)
    x = torch.randn(2, 64)
    before = torch.get_rng_state()
    first, again, other = (density(lambda z: net(weights, z), x, seed) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert first == again
    assert first != other


def test_a_net_that_cannot_be_differentiated_twice_says_so() -> None:
    x = torch.randn(2, 40).requires_grad_() * 1
    found = end_to_end_density(
        Place.of(x), target=Place.of(Hidden.apply(x)), batch=2, generator=torch.Generator()
    )
    assert isinstance(found, Unmeasured)
    assert "again" in found.reason
