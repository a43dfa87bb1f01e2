"""Spectral densities against dense Hessians and known spectra."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

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
from plusone.landscape.operator import own_generator, random_unit

from oracle.dense_hessian import dense_hessian


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
    found = spectral_density(operator, config=DensityConfig(num_steps=20, num_probes=1, tol=1))
    start = random_unit(operator, own_generator(None))
    for power in range(40):
        moment = start @ torch.linalg.matrix_power(operator.matrix / 24, power) @ start
        nodes = np.array(found.nodes) / 24
        assert np.dot(found.weights, nodes**power) == pytest.approx(float(moment), rel=1e-10)


@pytest.mark.parametrize("has_dead_unit", [False, True])
def test_a_net_of_few_parameters_is_exact(has_dead_unit: bool) -> None:
    """Each eigenvalue once and with the same weight, also where it is a multiple one."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    x, y = torch.tensor([[1.0, 2.0], [2.0, -1.0], [0.5, 1.0]]), torch.ones(3, 1)
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[0.5, 0.2], [-1.0, -2.0 if has_dead_unit else 1.0]]))
        model[2].weight.copy_(torch.tensor([[0.7, -0.4]]))
    model, x, y = model.double(), x.double(), y.double()
    values = torch.linalg.eigvalsh(dense_hessian(model, x, y, nn.functional.mse_loss)).numpy()
    with terrain(model, x, y, nn.functional.mse_loss) as here, here.hessian() as H:
        found = spectral_density(H)
    assert found.converged
    assert found.num_products == 6
    np.testing.assert_allclose(found.nodes, values, atol=1e-12)
    assert found.weights == pytest.approx((1 / 6,) * 6)
    assert found.distance_error < 1e-12
    np.testing.assert_allclose(found.density, smoothed(values, found), rtol=1e-9, atol=1e-12)
    assert max(found.stderr) == 0.0


def test_an_interrupted_exact_density_knows_nothing_yet() -> None:
    def watch(share: float) -> None:
        if share >= 0.5:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        spectral_density(like_a_hessian(10), watch=watch)
    assert caught.value.partial.nodes == ()
    assert not caught.value.partial.converged
    assert caught.value.partial.num_products == 5


def test_a_single_eigenvalue_is_a_peak() -> None:
    operator = with_spectrum(torch.full((200,), 2.0, dtype=torch.float64))
    found = spectral_density(operator)
    assert found.num_products == 2
    assert found.nodes == pytest.approx((2.0, 2.0))
    assert found.converged
    assert found.grid[0] < 2 < found.grid[-1]


def test_the_broadening_can_be_given() -> None:
    config = DensityConfig(broadening=0.5, tol=1)
    assert spectral_density(like_a_hessian(100), config=config).broadening == 0.5


def test_the_negative_share_is_counted() -> None:
    values = torch.cat([torch.linspace(-2, -1, 300), torch.linspace(1, 2, 900)]).double()
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
