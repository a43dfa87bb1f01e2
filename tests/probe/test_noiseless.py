"""A latent's noise is left out of what the verdict says of directions and geometry."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn import functional as F

import plusone
from plusone.probe.noiseless import Means
from plusone.records import EndToEnd

KINDS = ("randn_like", "in place", "distribution", "no noise")


class Variational(nn.Module):
    """A variational autoencoder whose noise is ten times its means at the start."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.encoder = nn.Sequential(nn.Linear(32, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh())
        self.means, self.scales = nn.Linear(24, 8), nn.Linear(24, 8)
        self.decoder = nn.Sequential(nn.Linear(8, 24), nn.Tanh(), nn.Linear(24, 32))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.encoder(x)
        mean, scale = 0.1 * self.means(hidden), torch.exp(self.scales(hidden))
        if self.kind == "distribution":
            z = Normal(mean, scale).rsample()
        elif self.kind == "in place":
            z = mean + scale * torch.empty_like(mean).normal_()
        else:
            z = mean + scale * torch.randn_like(mean) * (self.kind != "no noise")
        out: Tensor = self.decoder(z)
        return out


def scanned(kind: str) -> EndToEnd:
    torch.manual_seed(0)
    model = Variational(kind).double()
    basis = torch.randn(4, 32, dtype=torch.float64)
    x = torch.randn(64, 4, dtype=torch.float64) @ basis
    return plusone.scan(
        model, x, targets=x, loss_fn=F.mse_loss, quick=True, timed=False
    ).data.end_to_end


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_directions_and_geometry_are_those_of_the_net_without_its_noise(kind: str) -> None:
    found, clean = scanned(kind), scanned("no noise")
    assert float(found.input_alignment) == pytest.approx(float(clean.input_alignment), rel=1e-9)
    one, other = found.gradient_collapse, clean.gradient_collapse
    error = math.hypot(one.stderr or math.nan, other.stderr or math.nan)
    assert abs(float(one) - float(other)) < 4 * error
    assert found.bypass is not None


def test_a_draw_gives_its_mean() -> None:
    means = torch.tensor([1.0, -2.0, 5.0])
    with Means():
        assert torch.equal(torch.normal(means, 3.0), means)
        assert torch.equal(torch.normal(means, torch.ones(3)), means)
        assert torch.equal(torch.normal(4.0, torch.ones(3)), torch.full((3,), 4.0))
        assert torch.equal(torch.normal(4.0, 1.0, (2,)), torch.full((2,), 4.0))
        assert torch.equal(torch.empty(2).normal_(), torch.zeros(2))
        assert torch.equal(torch.empty(2).normal_(3.0, 1.0), torch.full((2,), 3.0))
        assert torch.equal(torch.empty(2).normal_(std=2.0, mean=3.0), torch.full((2,), 3.0))
        assert torch.equal(torch.randn(2), torch.zeros(2))
        assert float(torch.rand(50).std()) > 0.1


def test_noise_that_belongs_to_no_latent_stays() -> None:
    torch.manual_seed(0)
    noisy = nn.Sequential(nn.Linear(32, 24), nn.Tanh(), _Noisy(), nn.Linear(24, 10))
    silent = nn.Sequential(*(m for m in noisy if not isinstance(m, _Noisy)))
    x = torch.randn(64, 4) @ torch.randn(4, 32)
    found = [
        float(plusone.scan(m, x, quick=True, timed=False).end_to_end.input_alignment)
        for m in (noisy, silent)
    ]
    assert found[0] < 0.8 * found[1]


class _Noisy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 3 * torch.randn_like(x)
