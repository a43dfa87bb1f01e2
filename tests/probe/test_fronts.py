"""Dense blocks as they are written: each layer concatenates the list of all earlier features."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import plusone
from plusone.probe.fronts import Front, chain_from, fronts_of
from probe.nets import Rung
from probe.recorded import Function, linear, observed
from probe.test_scan_profile import check, fixed_cotangent, fixed_loss

from oracle.dense_jacobian import dense_jacobian, singular_values
from oracle.profile_hands import profile_by_hand

GROWTH, WIDTH = 3, 6


class DenseLayer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.f = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, GROWTH), nn.Tanh())

    def forward(self, features: list[Tensor]) -> Tensor:
        return self.f(torch.cat(features, 1))


class DenseBlock(nn.Module):
    """torchvision's and timm's way: the list grows, and every layer concatenates it anew."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DenseLayer(WIDTH + GROWTH * k) for k in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.layers:
            features.append(layer(features))
        return torch.cat(features, 1)


class State(Rung):
    """The same layer on the features so far, as one tensor that goes on."""

    def join(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.f(x)], 1)


def built(depth: int = 4) -> tuple[DenseBlock, list[Rung], Tensor]:
    torch.manual_seed(0)
    net = DenseBlock(depth).double()
    x = torch.randn(4, WIDTH, dtype=torch.float64)
    return net, [State(layer.f) for layer in net.layers], x


def test_the_profile_of_a_dense_block_is_that_of_its_growing_state() -> None:
    net, rungs, x = built()
    report = plusone.scan(net, x, loss_fn=fixed_loss, quick=True, timed=False)
    check(report, profile_by_hand(rungs, x, fixed_cotangent), 1e-9)


def test_over_repeats_each_pass_adds_its_own_gradients() -> None:
    net, rungs, x = built()
    report = plusone.scan(net, x, quick=True, timed=False, repeats=2, seed=3)
    generator = torch.Generator().manual_seed(3)

    def noise(y: Tensor) -> Tensor:
        return torch.randn(y.shape, generator=generator, dtype=torch.float64)

    passes = [profile_by_hand(rungs, x, noise) for _ in range(2)]
    for k, block in enumerate(report.blocks):
        squares = [p.blocks[k].gradient_rms ** 2 for p in passes]
        assert float(block.gradient_rms) ** 2 == pytest.approx(sum(squares) / 2)


def test_the_end_to_end_jacobian_of_a_dense_block_is_that_of_its_state() -> None:
    net, rungs, x = built()
    report = plusone.scan(net, x, timed=False, samples=4)

    def run(z: Tensor) -> Tensor:
        for rung in rungs:
            z = rung.join(z)
        return z

    values = singular_values(dense_jacobian(run, x))
    found = report.end_to_end.singular_values
    assert float(found.max) == pytest.approx(float(values[:, 0].mean()))
    assert float(found.min) == pytest.approx(float(values[:, -1].mean()))
    for block, rung in zip(report.blocks, rungs, strict=True):
        J = dense_jacobian(rung.join, x)
        norm = float(block.jacobian.spectral_norm)
        assert norm == pytest.approx(float(singular_values(J)[:, 0].mean()))
        x = rung.join(x).detach()


def test_products_with_the_transpose_add_up_over_the_fronts() -> None:
    """Beyond the sizes that are formed whole, by both products."""
    torch.manual_seed(1)
    wide = [nn.Linear(24 + 8 * k, 8).double() for k in range(3)]

    def forward(x: Tensor) -> Tensor:
        features = [x]
        for layer in wide:
            features.append(torch.tanh(layer(torch.cat(features, 1))))
        return torch.cat(features, 1)

    x = torch.randn(4, 24, dtype=torch.float64)
    report = plusone.scan(Function(forward, *wide), x, timed=False, samples=4)
    top = float(singular_values(dense_jacobian(forward, x))[:, 0].mean())
    found = report.end_to_end.singular_values.max
    assert float(found) == pytest.approx(top, rel=0.03)
    assert abs(float(found) - top) <= 3 * (found.stderr or 0.0)


def test_concatenations_go_on_where_a_longer_list_begins_with_theirs() -> None:
    layer = linear(WIDTH)

    def forward(x: Tensor) -> Tensor:
        a, b = torch.tanh(x), torch.sin(layer(x))
        first = torch.cat([a, b], 1)
        other = torch.cat([b, a], 1)
        along = torch.cat([a, b], 0)
        c = first[:, :WIDTH] + other[:, :WIDTH] + along[: len(a)]
        decoy = torch.cat([a, c, b], 1)
        second = torch.cat([a, b, c], 1)
        third = torch.cat([a, b, c, c], 1)
        return third.sum(1) + second.sum(1) + decoy.sum(1)

    with observed(Function(forward, layer), torch.randn(4, WIDTH, dtype=torch.float64)) as seen:
        fronts = fronts_of(seen.recording.trace)
        first, second, third = (seen.value("cat", turn) for turn in (0, 4, 5))
        assert fronts == {first: Front(second, 1), second: Front(third, 1)}
        assert chain_from(first, fronts) == [Front(second, 1), Front(third, 1)]
        assert chain_from(third, fronts) == []
