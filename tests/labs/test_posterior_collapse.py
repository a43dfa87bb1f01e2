"""The posterior-collapse lab: its numbers against closed forms and quadrature; its direction."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

import plusone
from plusone.labs.base import Arm, RunConfig, run_lab
from plusone.labs.posterior_collapse.lab import LAB
from plusone.labs.posterior_collapse.measures import (
    active_units,
    information,
    shown,
    told_apart,
)
from plusone.labs.posterior_collapse.names import name_of
from plusone.labs.posterior_collapse.nets import Vae, Way, divergences, loss_of, pictures


def test_divergences_are_those_of_torchs_distributions() -> None:
    mean, log_variance = torch.randn(2, 7, 3, dtype=torch.float64)
    own = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = torch.distributions.kl_divergence(own, prior)
    torch.testing.assert_close(divergences(mean, log_variance), expected, rtol=0, atol=1e-12)


def test_what_is_told_apart_is_that_of_the_integral_over_the_latent() -> None:
    mean = torch.tensor([[-1.0], [0.3], [1.2]], dtype=torch.float64)
    log_variance = torch.tensor([[-1.0], [0.0], [-2.0]], dtype=torch.float64)
    grid = torch.linspace(-12, 12, 40_001, dtype=torch.float64)
    q = torch.distributions.Normal(mean, torch.exp(log_variance / 2)).log_prob(grid).exp()
    mixed = q.mean(0)
    terms = torch.where(q > 0, q * (q.clamp(min=1e-300).log() - mixed.log()), 0.0)
    expected = float(torch.trapezoid(terms, grid).mean())
    generator = torch.Generator().manual_seed(0)
    draws = [
        told_apart(
            mean,
            log_variance,
            mean
            + torch.exp(log_variance / 2)
            * torch.randn(3, 1, generator=generator, dtype=torch.float64),
        )
        for _ in range(4000)
    ]
    found = torch.tensor(draws)
    error = float(found.std()) / math.sqrt(len(draws))
    assert float(found.mean()) == pytest.approx(expected, abs=4 * error)
    assert error < 0.02


def test_what_is_told_apart_ends_at_the_logarithm_of_the_number_of_pictures() -> None:
    mean = 100 * torch.randn(50, 4, dtype=torch.float64)
    nothing = torch.zeros(50, 4, dtype=torch.float64)
    assert told_apart(mean, nothing, mean) == pytest.approx(math.log(50), abs=1e-12)
    assert told_apart(nothing, nothing, mean) == pytest.approx(0, abs=1e-12)


def test_of_a_normal_latent_the_information_is_exact() -> None:
    generator = torch.Generator().manual_seed(0)
    codes = torch.linalg.qr(torch.randn(400, 3, generator=generator, dtype=torch.float64)).Q
    codes = (codes - codes.mean(0)) * 400**0.5
    a = torch.tensor([[2.0, 0.5, 0.0], [0.0, 1.0, 3.0], [1.0, 0.0, 0.2]], dtype=torch.float64)
    mean, sigma = 5.0 + codes @ a, torch.tensor([0.3, 1.0, 2.0], dtype=torch.float64)
    between = a.T @ (codes.T @ codes / 400) @ a
    expected = torch.logdet(between + torch.diag(sigma**2)) / 2 - sigma.log().sum()
    found = information(mean, 2 * sigma.log().expand(400, 3))
    assert found == pytest.approx(float(expected), abs=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_the_information_is_at_least_what_is_told_apart(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mean = 2 * torch.randn(300, 4, generator=generator, dtype=torch.float64).sign()
    log_variance = torch.randn(300, 4, generator=generator, dtype=torch.float64) - 1
    noise = torch.randn(300, 4, generator=generator, dtype=torch.float64)
    z = mean + torch.exp(log_variance / 2) * noise
    assert information(mean, log_variance) > told_apart(mean, log_variance, z) - 0.1


def test_what_all_pictures_share_is_no_information() -> None:
    same = torch.full((30, 4), 3.0)
    assert information(same, torch.full((30, 4), -2.0)) == pytest.approx(0.0, abs=1e-6)


def test_a_unit_is_active_where_its_mean_varies() -> None:
    mean = torch.randn(100, 4) * torch.tensor([1.0, 0.2, 0.05, 0.0])
    assert active_units(mean) == 2


def test_free_bits_leave_small_divergences_alone() -> None:
    x, logits = torch.rand(5, 6), torch.zeros(5, 6)
    mean = torch.full((5, 2), 0.1, requires_grad=True)
    outputs = (logits, mean, torch.zeros(5, 2))
    free, usual = (loss_of(free_bits=bits)(outputs, x) for bits in (0.5, 0.0))
    assert (free - usual).item() == pytest.approx(2 * 0.5 - 2 * 0.005, abs=1e-5)
    (gradient,) = torch.autograd.grad(free, mean)
    assert not gradient.any()


def test_a_skip_is_dropped_for_whole_samples_in_training_alone() -> None:
    torch.manual_seed(0)
    net, x = Vae(6, Way(skipped=8, dropped=0.5), width=16), torch.rand(400, 6)
    u, _, _ = net.encode(x)
    whole, _, _ = net.eval().encode(x)
    is_dropped = (u == 0).all(1) & (whole != 0).any(1)
    assert 0.35 < float(is_dropped.float().mean()) < 0.65
    assert torch.equal(u[~is_dropped], whole[~is_dropped])


@pytest.mark.parametrize(
    ("way", "fires"),
    [
        (Way(), False),
        (Way(skipped=1), False),
        (Way(from_latent=True), False),
        (Way(skipped=16), True),
        (Way(skipped=16, factor=0.01), True),
    ],
)
def test_s107_fires_where_a_wide_skip_goes_around_the_latent(way: Way, fires: bool) -> None:
    torch.manual_seed(0)
    net, x = Vae(64, way, width=32), pictures("digits").train[:32]
    report = plusone.scan(net, x, x, loss_of(), quick=True, timed=False)
    assert any(f.code == "S107" for f in report.findings) == fires


def test_a_repaired_net_hears_nothing_of_the_skip() -> None:
    torch.manual_seed(0)
    net, x = Vae(64, Way(skipped=16), width=32), pictures("digits").train[:32]
    made = plusone.fix(net, x, x, loss_of(), trial_steps=0).apply()
    assert isinstance(made, Vae)
    z, u = torch.randn(3, 10), torch.randn(3, 16)
    assert not torch.equal(net.decode(z, u), net.decode(z, 0 * u))
    torch.testing.assert_close(made.decode(z, u), made.decode(z, 0 * u), rtol=0, atol=0)
    torch.testing.assert_close(made.decode(z, u), net.decode(z, 0 * u), rtol=0, atol=1e-6)


def test_what_is_shown_ends_with_the_next_pictures_latent() -> None:
    torch.manual_seed(0)
    net, x = Vae(64, Way(), width=32), pictures("digits").test[:4]
    rows: Tensor = shown(net, x, seed=0)
    assert rows.shape == (3, 4, 64)
    torch.testing.assert_close(rows[0], x, rtol=0, atol=0.006)
    torch.testing.assert_close(rows[2], rows[1].roll(1, 0), rtol=0, atol=0.011)


def test_a_reduced_lab_empties_the_latent_by_a_skip() -> None:
    options = {"data": "digits", "width": 64, "steps": 250}
    bare, wide = (
        LAB.measure(Arm(name=name_of(k), options={**options, "skipped": k}), 0) for k in (0, 64)
    )
    assert wide["information"] < 0.3 * bare["information"]
    assert wide["reconstruction"] < bare["reconstruction"]
    assert (bare["fires"], wide["fires"]) == (False, True)


@pytest.mark.slow
@pytest.mark.lab
@pytest.mark.timeout(300)
def test_the_quick_lab_finds_that_a_wide_skip_empties_the_latent(tmp_path: Path) -> None:
    found = run_lab("posterior-collapse", RunConfig(folder=tmp_path))
    mean = {outcome.prediction.key: outcome.mean for outcome in found.outcomes}
    assert mean["information"] < 0.1
    assert mean["cheaper"] < 0
    assert mean["repair"] > 0.8
    assert mean["free-swapped"] < 0.25 < mean["free-divergence"]
