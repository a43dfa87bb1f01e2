"""The bypass share against dense Jacobians, and which latents are found."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import plusone
from plusone.records import Bypass, Finding

SIZE, CODE, SAMPLES = 24, 3, 64


class Vae(nn.Module):
    """A VAE whose decoder also reads `skipped` of the encoder's features."""

    def __init__(self, skipped: int = 0, *, is_random: bool = True, dropped: float = 0.0) -> None:
        super().__init__()
        self.skipped, self.is_random, self.dropped = skipped, is_random, dropped
        self.encoder = nn.Linear(SIZE, 16)
        self.mean, self.log_variance = nn.Linear(16, CODE), nn.Linear(16, CODE)
        self.decoder = nn.Linear(CODE + skipped, 16)
        self.out = nn.Linear(16, SIZE)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.tanh(self.encoder(x))
        z: Tensor = self.mean(h)
        if self.is_random:
            z = z + torch.exp(0.5 * self.log_variance(h)) * torch.randn_like(z)
        return z, h

    def decode(self, z: Tensor, h: Tensor) -> Tensor:
        if self.dropped and self.training:
            h = h * (torch.rand(len(h), 1) >= self.dropped)
        read = torch.cat((z, h[:, : self.skipped]), 1) if self.skipped else z
        out: Tensor = self.out(torch.tanh(self.decoder(read)))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(*self.encode(x))


def batch() -> Tensor:
    return torch.randn(SAMPLES, SIZE, generator=torch.Generator().manual_seed(1)).double()


def bypass(net: nn.Module, x: Tensor, targets: Tensor | None = None, **options: object) -> object:
    loss = F.mse_loss if targets is not None else None
    report = plusone.scan(net.to(x.dtype), x, targets=targets, loss_fn=loss, quick=True, **options)
    return report.data.end_to_end.bypass


def dense_share(net: Vae, x: Tensor) -> float:
    """B by the Jacobian of the decoder at each sample."""
    torch.manual_seed(0)
    z, h = (t.detach() for t in net.encode(x))
    mean = net.mean(h).detach()
    u = h[:, : net.skipped]

    def output(z: Tensor, u: Tensor) -> Tensor:
        out: Tensor = net.out(torch.tanh(net.decoder(torch.cat((z, u)))))
        return out

    by_z, by_u = torch.vmap(torch.func.jacrev(output, (0, 1)))(z, u)
    inside = float((by_z.detach().square().sum(1) * mean.var(0)).sum())
    around = float((by_u.detach().square().sum(1) * u.var(0)).sum())
    return around / (around + inside)


@pytest.mark.parametrize("skipped", [1, 4, 16])
def test_the_share_is_that_of_the_dense_jacobians(skipped: int) -> None:
    net, x = Vae(skipped).double(), batch()
    found = [bypass(net, x, seed=seed) for seed in range(4)]
    assert all(isinstance(b, Bypass) for b in found)
    mean = sum(float(b.share) for b in found) / len(found)  # type: ignore[attr-defined]
    assert mean == pytest.approx(dense_share(net, x), abs=0.04)


class Nested(nn.Module):
    """Two values around the latent, the second made of the first, and two latents likewise.

    `is_written` writes the second through a view, so that autograd shows it at its join alone.
    """

    def __init__(self, *, two_latents: bool, is_written: bool = False) -> None:
        super().__init__()
        self.is_written = is_written
        self.two_latents = two_latents
        self.first, self.second = nn.Linear(SIZE, 12), nn.Linear(12, 8)
        self.code, self.inner = nn.Linear(8, CODE), nn.Linear(CODE, CODE)
        self.deviation = nn.Linear(8, CODE)
        self.decoder = nn.Linear(2 * CODE if two_latents else CODE, 8)
        self.middle, self.out = nn.Linear(8 + 8, 12), nn.Linear(12 + 12, SIZE)
        with torch.no_grad():  # so that neither side brings all
            self.code.weight *= 4
            self.decoder.weight *= 2
            self.out.weight[:, 12:] *= 0.05

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """Both values around; mean and value of each latent."""
        a = 3 * torch.tanh(self.first(x))
        b = 2 * torch.tanh(self.second(a))
        if self.is_written:
            b[:].mul_(1.0)
        mean, deviation = self.code(b), 0.3 * torch.exp(self.deviation(b))
        z = mean + deviation * torch.randn_like(mean)
        if not self.two_latents:
            return a, b, mean, z
        deeper = 3 * self.inner(z)
        return a, b, mean, z, deeper, deeper + deviation * torch.randn_like(deeper)

    def decode(self, a: Tensor, b: Tensor, *z: Tensor) -> Tensor:
        h = torch.tanh(self.decoder(torch.cat(z, -1)))
        h = torch.tanh(self.middle(torch.cat((h, b), -1)))
        out: Tensor = self.out(torch.cat((h, a), -1))
        return out

    def forward(self, x: Tensor) -> Tensor:
        a, b, *latents = self.encode(x)
        return self.decode(a, b, *latents[1::2])


@pytest.mark.parametrize(
    ("two_latents", "is_written"), [(False, False), (True, False), (False, True)]
)
def test_what_feeds_another_way_or_latent_is_not_counted_twice(
    two_latents: bool, is_written: bool
) -> None:
    torch.manual_seed(3)
    net, x = Nested(two_latents=two_latents, is_written=is_written).double(), batch()
    torch.manual_seed(0)
    a, b, *latents = (t.detach() for t in net.encode(x))
    seen = (a, b, *latents[::2])
    held = (a, b, *latents[1::2])
    slopes = torch.vmap(torch.func.jacrev(net.decode, tuple(range(len(held)))))(*held)
    pairs = zip(slopes, seen, strict=True)
    sizes = [float((j.detach().square().sum(1) * s.var(0)).sum()) for j, s in pairs]
    found = [bypass(net, x, seed=seed) for seed in range(8)]
    assert all(isinstance(f, Bypass) for f in found)
    mean = sum(float(f.share) for f in found) / len(found)  # type: ignore[attr-defined]
    # A scan has a standard error of 0.054 here; counted twice it would be 0.64 and 0.58.
    assert mean == pytest.approx(sum(sizes[:2]) / sum(sizes), abs=0.06)


def test_an_infinite_slope_between_two_ways_is_not_met() -> None:
    class Rooted(Vae):
        def forward(self, x: Tensor) -> Tensor:
            z, h = self.encode(x)
            first = torch.relu(h)
            read = torch.cat((z, first.sqrt()[:, : self.skipped]), 1)
            out: Tensor = self.out(torch.tanh(self.decoder(read)) + 0.1 * first)
            return out

    found = bypass(Rooted(4), batch())
    assert isinstance(found, Bypass)
    assert 0 < float(found.share) < 1


def test_a_denoiser_does_not_give_back_its_input() -> None:
    x = batch()
    net = Vae(4, is_random=False)
    assert bypass(net, x + 0.05 * torch.randn_like(x), targets=x) is None
    apart = 100 * torch.arange(SIZE)  # what positions have in common says nothing of samples
    assert bypass(net, x + apart, targets=torch.randn_like(x) + apart) is None


def test_without_a_skip_nothing_goes_around() -> None:
    found = bypass(Vae(), batch())
    assert isinstance(found, Bypass)
    assert (float(found.share), found.enters, found.around) == (0.0, "", 0)
    assert (found.latent, found.size) == ("model.add", CODE)


def test_a_skip_of_no_features_goes_around_nothing() -> None:
    class Empty(Vae):
        def decode(self, z: Tensor, h: Tensor) -> Tensor:
            return super().decode(torch.cat((z, h[:, :0]), 1), h)

    found = bypass(Empty(), batch())
    assert isinstance(found, Bypass)
    assert (float(found.share), float(found.width), found.enters) == (0.0, 0.0, "")


def test_the_values_around_are_named_with_their_numbers() -> None:
    found = bypass(Vae(4), batch())
    assert isinstance(found, Bypass)
    assert (found.enters, found.around) == ("model.cat", 4)


def test_without_noise_the_narrowest_layer_is_the_latent_if_the_targets_are_the_input() -> None:
    net, x = Vae(4, is_random=False), batch()
    assert bypass(net, x) is None
    assert bypass(net, x, targets=x.sign()) is None
    found = bypass(net, x, targets=x)
    assert isinstance(found, Bypass)
    assert (found.latent, found.around) == ("mean", 4)


@pytest.mark.parametrize(
    "change",
    [lambda x: 1.0001 * x, lambda x: (x + 3) / 2, lambda x: (x * 64).round() / 64],
    ids=["nearly", "scaled and shifted", "rounded"],
)
def test_targets_that_are_the_input_but_for_scale_and_rounding_are_the_input(
    change: Callable[[Tensor], Tensor],
) -> None:
    net, x = Vae(4, is_random=False), batch()
    found = bypass(net, x, targets=change(x))
    assert isinstance(found, Bypass)
    assert found.latent == "mean"


def test_a_vae_may_have_binary_targets_and_a_net_without_noise_has_masks() -> None:
    x = torch.cat((batch() - 3, batch() + 3))  # black and white, nearly
    assert isinstance(bypass(Vae(4), x, targets=(x > 0).double()), Bypass)
    assert bypass(Vae(4, is_random=False), x, targets=(x > 0).double()) is None


class Gated(nn.Module):
    """An autoencoder with a squeeze that is narrower than its code, and no skip."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.code, self.last = nn.Linear(SIZE, 16), nn.Linear(16, 4), nn.Linear(4, SIZE)
        self.squeeze = nn.Sequential(nn.Linear(16, 2), nn.ReLU(), nn.Linear(2, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        out: Tensor = self.last(self.code(h * self.squeeze(h)))
        return out


def test_a_gate_is_no_latent() -> None:
    x = batch()
    found = bypass(Gated(), x, targets=x)
    assert isinstance(found, Bypass)
    assert found.latent == "code"
    assert float(found.share) == 0.0


def test_a_skip_from_the_latent_itself_goes_around_nothing() -> None:
    class Deep(Vae):
        def decode(self, z: Tensor, h: Tensor) -> Tensor:
            out: Tensor = self.out(torch.cat((torch.tanh(self.decoder(z))[:, :13], z), 1))
            return out

    found = bypass(Deep(), batch())
    assert isinstance(found, Bypass)
    assert float(found.share) == 0.0


def test_two_samples_give_no_variance() -> None:
    report = plusone.scan(Vae(4).double(), batch()[:2], quick=True)
    found = report.data.end_to_end.bypass
    assert found is not None
    assert not found.share.is_measured
    (gap,) = [gap for gap in report.not_measured if "S107" in gap.what]
    assert "four samples" in gap.why


def test_noise_at_a_router_is_no_latent() -> None:
    class Mixture(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score, self.size = nn.Linear(SIZE, 4), nn.Linear(SIZE, 4)
            self.experts = nn.Linear(SIZE, 4 * SIZE)

        def forward(self, x: Tensor) -> Tensor:
            noise = torch.randn(len(x), 4, dtype=x.dtype)
            weights = torch.softmax(self.score(x) + F.softplus(self.size(x)) * noise, 1)
            return (weights[:, :, None] * self.experts(x).view(-1, 4, SIZE)).sum(1)

    assert bypass(Mixture(), batch()) is None


def test_the_model_is_left_as_found() -> None:
    net, x = nn.Sequential(nn.BatchNorm1d(SIZE), Vae(4)).double(), batch()
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    bypass(net, x)
    assert all(
        torch.equal(a, b) for a, b in zip(before.values(), net.state_dict().values(), strict=True)
    )
    assert torch.equal(state, torch.get_rng_state())
    assert all(p.grad is None for p in net.parameters())


def finding_of(net: nn.Module) -> list[Finding]:
    return list(plusone.scan(net.double(), batch(), quick=True, select=("S107",)).findings)


def test_a_way_around_as_wide_as_the_latent_is_found_however_small_it_begins() -> None:
    net = Vae(4)
    with torch.no_grad():
        net.decoder.weight[:, CODE:] *= 0.001
    (finding,) = finding_of(net)
    assert (finding.code, finding.where) == ("S107", "model.cat")
    assert (float(finding.value), float(finding.threshold)) == (pytest.approx(4 / 3), 1.0)
    assert "model.cat reads 4 numbers a sample that do not pass the 3 of the latent" in (
        finding.reason
    )


def test_a_narrow_way_around_is_found_where_it_brings_nearly_all() -> None:
    net = Vae(2)
    assert finding_of(net) == []
    with torch.no_grad():
        net.decoder.weight[:, :CODE] *= 0.1
    (finding,) = finding_of(net)
    assert float(finding.value) > float(finding.threshold) == 0.95


@pytest.mark.parametrize("dropped", [0.0, 0.1, 0.5, 0.9])
def test_a_skip_that_is_dropped_for_many_samples_is_shut_for_them(dropped: float) -> None:
    torch.manual_seed(0)
    net, x = Vae(16, dropped=dropped).double(), batch()
    report = plusone.scan(net, x, targets=x, loss_fn=F.mse_loss, quick=True)
    found = report.data.end_to_end.bypass
    assert found is not None
    assert float(found.shut) == pytest.approx(dropped, abs=0.2 if dropped else 0)
    assert any(f.code == "S107" for f in report.findings) is (dropped < 0.5)


def test_what_fix_has_closed_is_shut_and_not_accused_again() -> None:
    torch.manual_seed(0)
    net, x = Vae(16), batch().float()
    plan = plusone.fix(net, x, x, F.mse_loss, trial_steps=0)
    assert "Closed" in str(plan)
    report = plusone.scan(plan.apply(), x, targets=x, loss_fn=F.mse_loss, quick=True)
    found = report.data.end_to_end.bypass
    assert found is not None
    assert float(found.shut) == 1
    assert not any(f.code == "S107" for f in report.findings)


def test_a_dead_output_does_not_hide_the_way_around() -> None:
    """Units that are off for a sample stop the gradient to the latent as well."""

    class Off(Vae):
        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(super().forward(x) - 0.9 * (x[:, :1] > 0) * 1e3)

    torch.manual_seed(0)
    net, x = Off(16).double(), batch()
    found = bypass(net, x, x)
    assert isinstance(found, Bypass)
    assert float((net(x) == 0).all(1).double().mean()) > 0.4
    assert float(found.shut) == 0
