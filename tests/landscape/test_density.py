"""Spectral densities against dense Hessians and known spectra."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from landscape.matrices import Matrix, like_a_hessian, with_spectrum
from landscape.nets import CASES, dense
from plusone.distributions import Rule, wasserstein
from plusone.errors import InputError
from plusone.landscape import (
    Density,
    DensityConfig,
    Interrupted,
    NotConvergedWarning,
    spectral_density,
    terrain,
)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def exact_rule(matrix: torch.Tensor) -> Rule:
    values = torch.linalg.eigvalsh(matrix.double()).numpy()
    return values, np.full(len(values), 1 / len(values))


def rule(found: Density) -> Rule:
    return np.array(found.nodes), np.array(found.weights)


def smoothed(values: np.ndarray, found: Density) -> np.ndarray:
    z = (np.array(found.grid)[:, None] - values) / found.broadening
    return np.exp(-0.5 * z**2).mean(1) / (found.broadening * math.sqrt(2 * math.pi))


@pytest.mark.parametrize("name", CASES)
def test_the_distribution_is_that_of_the_dense_hessian(name: str) -> None:
    exact = exact_rule(dense(name))
    config = DensityConfig(num_steps=30, num_probes=3, tol=0.1)
    with terrain(*CASES[name]().batch) as here, here.hessian() as H:
        found = spectral_density(H, config=config)
    width = exact[0][-1] - exact[0][0]
    assert found.converged
    assert wasserstein(rule(found), exact) / width <= 2 * found.distance_error
    assert sum(found.weights) == pytest.approx(1, abs=1e-12)


def test_the_smoothed_density_is_within_its_standard_error() -> None:
    operator = like_a_hessian(400)
    values, _ = exact_rule(operator.matrix)
    inside = []
    for seed in range(20):
        found = spectral_density(operator, config=DensityConfig(tol=1), generator=seeded(seed))
        truth, density = smoothed(values, found), np.array(found.density)
        occupied = truth > 0.05 * truth.max()
        error = np.abs(density - truth)[occupied] / np.array(found.stderr)[occupied]
        inside.append((error <= 2).mean())
    assert np.mean(inside) > 0.85


def test_the_density_integrates_to_one() -> None:
    found = spectral_density(like_a_hessian(300), config=DensityConfig(tol=1))
    assert np.trapezoid(found.density, found.grid) == pytest.approx(1, abs=2e-3)


def test_the_stated_distance_holds() -> None:
    ratios = []
    for seed in range(20):
        operator = like_a_hessian(300, seed)
        exact = exact_rule(operator.matrix)
        config = DensityConfig(num_steps=20, num_probes=2, tol=1)
        found = spectral_density(operator, config=config, generator=seeded(seed))
        width = found.nodes[-1] - found.nodes[0]
        ratios.append(wasserstein(rule(found), exact) / width / found.distance_error)
    assert np.mean(np.array(ratios) <= 1) > 0.6
    assert np.mean(np.array(ratios) <= 2) > 0.95


def test_moments_are_exact_in_one_chain() -> None:
    operator = like_a_hessian(60)
    found = spectral_density(operator, config=DensityConfig(num_steps=60, num_probes=1, tol=1))
    # All of the space: the nodes are the eigenvalues themselves, each with its own weight.
    np.testing.assert_allclose(found.nodes, exact_rule(operator.matrix)[0], atol=1e-9)


def test_a_single_eigenvalue_is_a_peak() -> None:
    operator = with_spectrum(torch.full((10,), 2.0, dtype=torch.float64))
    found = spectral_density(operator)
    assert found.num_products == 2
    assert found.nodes == pytest.approx((2.0, 2.0))
    assert found.converged
    assert found.grid[0] < 2 < found.grid[-1]


def test_the_broadening_can_be_given() -> None:
    config = DensityConfig(broadening=0.5, tol=1)
    assert spectral_density(like_a_hessian(100), config=config).broadening == 0.5


def test_the_negative_share_is_counted() -> None:
    values = torch.cat([torch.linspace(-2, -1, 50), torch.linspace(1, 2, 150)]).double()
    found = spectral_density(with_spectrum(values), config=DensityConfig(num_probes=20, tol=1))
    assert found.negative_share == pytest.approx(0.25, abs=0.04)


def test_too_few_steps_warn() -> None:
    with pytest.warns(NotConvergedWarning, match="density after 4 products: its distribution"):
        found = spectral_density(like_a_hessian(300), config=DensityConfig(num_steps=2))
    assert not found.converged


def test_products_that_are_not_finite_are_a_result() -> None:
    with pytest.warns(NotConvergedWarning):
        found = spectral_density(Matrix(torch.full((4, 4), math.inf)))
    assert math.isnan(found.distance_error)
    assert found.nodes == ()


def test_an_interrupted_run_gives_what_it_knows() -> None:
    def watch(share: float) -> None:
        if share >= 0.3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        spectral_density(like_a_hessian(200), watch=watch)
    partial = caught.value.partial
    assert partial.num_products == 30
    assert not partial.converged
    assert len(partial.nodes) == 30


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_steps": 0}, "num_steps is 0; it must be 1 or more"),
        ({"num_probes": 0}, "num_probes is 0"),
        ({"broadening": 0.0}, "broadening is 0.0; it must be above 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        spectral_density(like_a_hessian(10), config=DensityConfig(**wrong))  # type: ignore[arg-type]
