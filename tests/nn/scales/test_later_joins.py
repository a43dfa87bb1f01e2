"""Orthogonal updates, mean split, steps on the sphere, GRU gate: formulas, peers and promises."""

from __future__ import annotations

import pytest
import torch
from hyper_connections.residuals import MVSplitResidualUpdate, OrthogonalResidualUpdate
from torch import Tensor, nn

from nn.nets import mlp, unit_linear
from plusone.nn import GRUGate, Join, MeanSplit, OrthogonalUpdate, Residual, SphericalStep
from plusone.testing import ResidualContract

SHAPE = (4, 5, 6)


def pair() -> tuple[Tensor, Tensor]:
    return torch.randn(SHAPE, dtype=torch.float64), torch.randn(SHAPE, dtype=torch.float64)


def randomised(join: Join) -> Join:
    with torch.no_grad():
        for parameter in join.parameters():
            parameter.normal_()
    return join.double()


def test_an_orthogonal_update_is_across_the_stream_and_only_lengthens_it() -> None:
    skip, branch = pair()
    y = OrthogonalUpdate(eps=0)(skip, branch)
    update = y - skip
    assert (update * skip).sum(-1).abs().max() < 1e-12
    lengths = (skip.square() + update.square()).sum(-1)
    torch.testing.assert_close(y.square().sum(-1), lengths, rtol=1e-12, atol=0)
    parallel = OrthogonalUpdate(eps=0)(skip, 3 * skip)
    torch.testing.assert_close(parallel, skip, rtol=0, atol=1e-12)


def test_the_channels_of_images_are_on_axis_1() -> None:
    skip, branch = pair()
    moved = OrthogonalUpdate(axis=1)(skip.movedim(-1, 1), branch.movedim(-1, 1))
    torch.testing.assert_close(moved.movedim(1, -1), OrthogonalUpdate()(skip, branch))


def test_hyper_connections_package_gives_the_same() -> None:
    skip, branch = pair()
    theirs = OrthogonalResidualUpdate()(branch, skip)
    torch.testing.assert_close(OrthogonalUpdate(eps=0)(skip, branch), theirs, rtol=0, atol=1e-12)
    ours, peer = randomised(MeanSplit(6)), MVSplitResidualUpdate(6).double()
    peer.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(skip, branch), peer(branch, skip), rtol=0, atol=1e-12)


def test_a_mean_split_leaves_the_mean_over_positions_as_it_is_at_first() -> None:
    skip, branch = pair()
    y = MeanSplit(6).double()(skip, branch)
    torch.testing.assert_close(y.mean(-2), skip.mean(-2), rtol=0, atol=1e-12)
    off = (y - skip) / (branch - branch.mean(-2, keepdim=True))
    torch.testing.assert_close(off, torch.full_like(off, 0.03), rtol=1e-6, atol=0)


def test_a_spherical_step_is_its_formula() -> None:
    join = randomised(SphericalStep(6, start=0.2))
    skip, branch = pair()
    x, f = (v / v.norm(dim=-1, keepdim=True) for v in (skip, branch))
    y = x + (join.step * 0.2 * 6**0.5).abs() * (f - x)
    torch.testing.assert_close(join(skip, branch), y / y.norm(dim=-1, keepdim=True))
    fresh = SphericalStep(6)
    assert (fresh.step * (fresh.start / fresh.size)).tolist() == pytest.approx([0.05] * 6)


def test_a_net_of_200_spherical_steps_stays_on_the_sphere_and_each_turns_by_a_small_angle() -> None:
    blocks = [Residual(unit_linear(64), scale=SphericalStep(64)) for _ in range(200)]
    x = torch.randn(8, 64)
    with torch.no_grad():
        for block in blocks:
            before = nn.functional.normalize(x, dim=-1)
            x = block(x)
            torch.testing.assert_close(x.norm(dim=-1), torch.ones(8))
            assert (x * before).sum(-1).min() > 0.99


@pytest.mark.parametrize("make", [OrthogonalUpdate, lambda: MeanSplit(6), lambda: SphericalStep(6)])
def test_a_dropped_row_is_its_skip(make: type[Join]) -> None:
    join = randomised(make())
    skip, branch = pair()
    mask = torch.tensor([0.0, 2.0, 1.0, 0.0], dtype=torch.float64).view(-1, 1, 1)
    y = join(skip, branch, mask)
    kept = nn.functional.normalize(skip, dim=-1) if isinstance(join, SphericalStep) else skip
    torch.testing.assert_close(y[::3], kept[::3], rtol=0, atol=1e-14)
    torch.testing.assert_close(y[2], join(skip, branch)[2], rtol=0, atol=1e-14)


def test_a_gru_gate_is_its_formula_and_lies_between_skip_and_candidate() -> None:
    join = randomised(GRUGate(6))
    x, h = pair()
    w_r, w_z, w_c = join.of_branch.weight.chunk(3)
    u_r, u_z = join.of_skip.weight.chunk(2)
    r = torch.sigmoid(h @ w_r.T + x @ u_r.T)
    z = torch.sigmoid(h @ w_z.T + x @ u_z.T - join.bias)
    c = torch.tanh(h @ w_c.T + (r * x) @ join.of_reset.weight.T)
    y = join(x, h)
    torch.testing.assert_close(y, (1 - z) * x + z * c, rtol=0, atol=1e-12)
    assert (y >= torch.minimum(x, c) - 1e-12).all()
    assert (y <= torch.maximum(x, c) + 1e-12).all()


def test_a_closed_gru_gate_is_the_identity_and_a_fresh_one_nearly() -> None:
    x = torch.randn(64, 6)
    assert torch.equal(Residual(mlp(6, 2), skip=GRUGate(6, bias=float("inf")))(x), x)
    fresh = GRUGate(6)
    moved = (fresh(x, torch.zeros_like(x)) - x).norm() / x.norm()
    assert moved.item() < 0.3


class Tokens(ResidualContract):
    def inputs(self) -> tuple[object, ...]:
        return (torch.randn(4, 5, 16),)


class TestOrthogonalUpdate(Tokens):
    def build(self) -> nn.Module:
        return Residual(mlp(16, 2), scale=OrthogonalUpdate(), drop=0.2)


class TestMeanSplit(Tokens):
    def build(self) -> nn.Module:
        return Residual(mlp(16, 2), scale=MeanSplit(16), drop=0.2)


class TestSphericalStep(Tokens):
    def build(self) -> nn.Module:
        return Residual(mlp(16, 2), scale=SphericalStep(16), drop=0.2)


class TestGRUGate(Tokens):
    def build(self) -> nn.Module:
        return Residual(mlp(16, 2), skip=GRUGate(16))
