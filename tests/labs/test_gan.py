from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import nn

from plusone.labs.base import Arm, RunConfig, run_lab
from plusone.labs.gan.lab import CRITICS, measure
from plusone.labs.gan.nets import (
    NUM_NOISE,
    Generator,
    critic,
    critic_decades,
    pictures,
    spread,
)
from plusone.labs.gan.play import Game, Played, gradient_norm, play
from plusone.labs.gan.quality import Features, Judge, judge, noise_like, specks_like


@pytest.mark.slow  # torchmetrics takes seconds to import
def test_the_frechet_distance_is_that_of_two_gaussians() -> None:
    """By SciPy's square root of a matrix."""
    torch.manual_seed(0)
    features = Features(64)
    judged = Judge(features=features, head=nn.Linear(32, 10), accuracy=0.0)
    real, made = torch.randn(300, 64), 1 + 2 * torch.randn(200, 64)
    with torch.no_grad():
        a, b = (features(x).double().numpy() for x in (real, made))
    s, t = np.cov(a.T), np.cov(b.T)
    root = linalg.sqrtm(s @ t + 1e-14 * np.eye(32)).real
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(s + t - 2 * root)
    assert judged.distance(real, made) == pytest.approx(expected, rel=1e-4)


def test_a_digit_is_covered_by_a_fiftieth_of_sure_pictures() -> None:
    class Given(Features):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    head = nn.Linear(10, 10, bias=False)
    nn.init.eye_(head.weight)
    judged = Judge(features=Given(64), head=head, accuracy=0.0)
    logits = torch.zeros(100, 10)
    logits[:50, 3] = logits[50:52, 4] = logits[52, 5] = 20.0  # 50, 2 and 1 of 100
    logits[60:90, 6] = 1.0  # not sure
    assert judged.modes(logits) == 2


def test_the_judge_knows_digits() -> None:
    judged, data = judge("digits"), pictures("digits")
    assert judged.accuracy > 0.95
    assert judged.modes(data.test_inputs) == 10


@pytest.mark.slow
def test_digits_are_nearer_to_digits_than_specks_are() -> None:
    judged, data = judge("digits"), pictures("digits")
    specks = specks_like(data.inputs, 400, torch.Generator().manual_seed(0))
    real = judged.distance(data.inputs, data.test_inputs)
    assert judged.distance(data.inputs, specks) > 3 * real


def test_noise_has_the_pixels_mean_and_covariance() -> None:
    x = torch.randn(60, 3) @ torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0], [0.0, 0.0, 0.5]])
    found = noise_like(1 + x, 40_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.mean(0), 1 + x.mean(0), rtol=0, atol=0.05)
    torch.testing.assert_close(found.T.cov(), x.T.cov(), rtol=0.05, atol=0.05)


def test_the_decades_of_a_critic_are_those_of_the_laws() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 64)
    with_norm = critic(64, 6, skips=False, has_spectral_norm=True)
    assert critic_decades(critic(64, 6, skips=False), x) == pytest.approx(-6 * 0.778, abs=0.6)
    assert critic_decades(with_norm, x) == pytest.approx(-6 * 0.903, abs=0.8)
    assert abs(critic_decades(critic(64, 6, skips=True), x)) < 0.3


def test_the_spread_of_scores_is_counted_in_float32s_steps() -> None:
    class First(nn.Module):
        def forward(self, x):
            return x[:, :1]

    x = torch.tensor([[1.0], [3.0]])  # deviation sqrt(2), mean 2; a step at 1 is 2^-23
    assert spread(First(), x) == pytest.approx(np.log10(2**0.5 / (2 * 2.0**-23)))


def test_spectral_norm_makes_each_layer_one_of_norm_one() -> None:
    torch.manual_seed(0)
    net = critic(64, 2, skips=True, has_spectral_norm=True).eval()
    layers = [m for m in net.modules() if isinstance(m, nn.Linear)]
    norms = [float(torch.linalg.matrix_norm(m.weight.detach(), 2)) for m in layers]
    assert norms == pytest.approx([1.0] * len(layers), abs=0.15)


def test_the_norm_of_a_tiny_gradient_is_no_zero() -> None:
    net = nn.Linear(2, 1)
    net(torch.ones(1, 2)).sum().backward()
    for parameter in net.parameters():
        assert parameter.grad is not None
        parameter.grad.mul_(1e-30)
    assert gradient_norm(net) == pytest.approx(3**0.5 * 1e-30, rel=1e-6)


def test_one_seed_gives_one_game() -> None:
    def once() -> Played:
        torch.manual_seed(0)
        net, generator = critic(64, 2, skips=True), Generator(64, -1.0, 2.0)
        return play(net, generator, pictures("digits").inputs, Game(steps=3, seed=5))

    assert once() == once()


def test_pictures_stay_within_the_range_of_the_data() -> None:
    made = Generator(64, -1.0, 2.0)(100 * torch.randn(8, NUM_NOISE)).detach()
    assert -1 <= float(made.min()) < float(made.max()) <= 2


def test_a_plain_critic_sends_its_generator_next_to_nothing() -> None:
    real, norms = pictures("digits").inputs, {}
    for skips in (False, True):
        torch.manual_seed(0)
        net, generator = critic(64, 12, skips=skips), Generator(64, -1.0, 2.0)
        norms[skips] = np.median(play(net, generator, real, Game(steps=10)).norms)
    assert norms[True] > 1e6 * norms[False]


@pytest.mark.slow
def test_the_generator_learns_with_a_residual_critic_and_not_with_a_plain_one() -> None:
    found = {}
    for name in ("plain", "residual"):
        options = {"data": "digits", "blocks": 12, "steps": 20, **CRITICS[name]}
        found[name] = measure(Arm(name=name, options=options), 0)
    assert found["plain"]["start"] < -8
    assert found["plain"]["is accused"] == 1
    assert found["residual"]["is accused"] == 0
    ratio = np.median(found["residual"]["gradients"]) / np.median(found["plain"]["gradients"])
    assert ratio > 1e6
    assert found["residual"]["distance"] < found["plain"]["distance"] / 1.2


@pytest.mark.slow
@pytest.mark.lab
@pytest.mark.timeout(600)
def test_the_quick_lab_finds_that_the_plain_critic_fails(tmp_path) -> None:
    found = run_lab("gan", RunConfig(folder=tmp_path))
    mean = {outcome.prediction.key: outcome.mean for outcome in found.outcomes}
    assert mean["modes"] > 2
    assert mean["generator"] > 1
    assert mean["plain-start"] < -3
    assert mean["scan"] == 1
