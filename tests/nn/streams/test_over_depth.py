"""Depth-weighted averages, value residual, LAuReL and delta learning."""

import pytest
import torch
from torch import nn

from plusone.errors import InputError
from plusone.nn.streams import (
    DeltaResidual,
    DenseFormer,
    DepthWeightedAverage,
    LAuReL,
    ValueResidual,
)
from plusone.testing import ResidualContract

from .nets import CHANNELS, branches, data, randomise


class Residual(nn.Module):
    def __init__(self, branch):
        super().__init__()
        self.branch = branch

    def forward(self, x):
        return x + self.branch(x)


def blocks(depth):
    return [Residual(f) for f in branches(depth)]


@pytest.mark.parametrize(("dilation", "period"), [(1, 1), (2, 1), (4, 5), (1, 3)])
def test_denseformer_starts_as_the_net_without_averages_bit_by_bit(dilation, period):
    net = DenseFormer(blocks(7), dilation=dilation, period=period)
    x = data(3, CHANNELS, dtype=torch.float32)
    assert torch.equal(net(x), nn.Sequential(*net.blocks)(x))


@pytest.mark.parametrize(("dilation", "period"), [(1, 1), (2, 1), (3, 2), (4, 5), (1, 3)])
def test_denseformer_averages_in_the_groups_of_the_authors_code(dilation, period):
    """Their DWAModules keep one list for each remainder of the depth by the dilation."""
    net = randomise(DenseFormer(blocks(7), dilation=dilation, period=period).double())
    x = y = data(3, CHANNELS)
    groups = [[] for _ in range(dilation)]
    groups[0].append(y)
    for index, block in enumerate(net.blocks):
        y = block(y)
        group = groups[(index + 1) % dilation]
        group.append(y)
        if (index + 1) % period == 0:
            y = torch.tensordot(net.averages[str(index + 1)].weight, torch.stack(group), dims=1)
    assert (net(x) - y).abs().max() < 1e-12


def test_equal_weights_are_the_mean():
    average = DepthWeightedAverage(4).double()
    with torch.no_grad():
        average.weight.fill_(0.25)
    states = [data(3, seed=s) for s in range(4)]
    assert (average(states) - torch.stack(states).mean(0)).abs().max() < 1e-15


def test_the_value_residual_is_the_weighted_sum_and_nothing_at_weight_zero():
    values, first = data(2, 4, 5, 8), data(2, 4, 5, 8, seed=1)
    assert torch.equal(ValueResidual().double()(values, first), (values + first) / 2)
    assert torch.equal(ValueResidual((1.0, 0.0)).double()(values, first), values)
    made = ValueResidual((0.3, -0.7)).double()
    torch.testing.assert_close(
        made(values, first), 0.3 * values - 0.7 * first, rtol=1e-6, atol=1e-6
    )
    made(values, first).square().sum().backward()
    assert made.weight.grad.abs().min() > 0


ALL = {"weighted": True, "rank": 3, "num_previous": 2}


@pytest.mark.parametrize("options", [{}, {"weighted": False}, {"rank": 3}, ALL])
def test_laurel_starts_as_the_residual_block_bit_by_bit(options):
    f = branches(1)[0]
    x = data(4, CHANNELS, dtype=torch.float32)
    previous = [data(4, CHANNELS, seed=s).float() for s in (5, 6)][: options.get("num_previous", 0)]
    found = LAuReL(f, CHANNELS, **options)(x, previous=previous)
    assert torch.equal(found, x + f(x))


def test_laurel_is_its_equations():
    made = randomise(LAuReL(branches(1)[0], CHANNELS, **ALL).double(), std=0.6)
    x, *previous = (data(4, CHANNELS, seed=s) for s in range(3))
    of_update, of_skip = 2 * made.balance.softmax(0)
    low_rank = x @ made.down.weight.T @ made.up.weight.T
    wanted = of_update * made.branch(x) + of_skip * (x + low_rank)
    wanted = wanted + made.earlier[0] * previous[0] + made.earlier[1] * previous[1]
    assert (made(x, previous=previous) - wanted).abs().max() < 1e-12


def test_laurels_skip_has_full_rank():
    """A skip of A B x alone, as in public code, has the Jacobian's rank of A B."""

    class Zero(nn.Module):
        def forward(self, x):
            return 0 * x

    made = randomise(LAuReL(Zero(), 16, rank=4).double(), std=0.3)
    jacobian = torch.autograd.functional.jacobian(made, data(16))
    assert torch.linalg.matrix_rank(jacobian) == 16


def test_delta_is_its_equation():
    made = randomise(DeltaResidual(branches(1)[0], CHANNELS).double(), std=0.6)
    x = data(CHANNELS)
    k = made.branch(x) / made.branch(x).norm()
    normed = x / (x.square().mean() + 1e-6).sqrt()
    beta = 2 * torch.sigmoid(made.gate.weight[0] @ normed + made.gate.bias[0])
    wanted = x + beta * (made.value.weight[0] @ x - k @ x) * k
    assert (made(x) - wanted).abs().max() < 1e-12


class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.direction = data(CHANNELS)

    def forward(self, x):
        return self.direction.expand(x.shape)


@pytest.mark.parametrize("start", [1e-6, 0.5, 1.0, 2 - 1e-6])
def test_the_delta_skip_is_identity_projection_and_reflection(start):
    made = DeltaResidual(Constant(), CHANNELS, start=start).double()
    with torch.no_grad():
        made.value.weight.zero_()
    jacobian = torch.autograd.functional.jacobian(made, data(CHANNELS))
    assert abs(torch.linalg.det(jacobian) - (1 - start)) < 1e-6
    values = torch.linalg.eigvalsh(jacobian)
    assert (values.sort().values[1:] - 1).abs().max() < 1e-6


class Flat(ResidualContract):
    def inputs(self):
        return (torch.randn(3, 5, CHANNELS),)


class TestDenseFormer(Flat):
    def build(self):
        return DenseFormer([Residual(f) for f in branches(5, eps=1e-5)], dilation=2, period=2)


class TestLAuReL(Flat):
    def build(self):
        return LAuReL(branches(1, eps=1e-5)[0], CHANNELS, rank=3)


class TestDelta(Flat):
    def build(self):
        return DeltaResidual(branches(1, eps=1e-5)[0], CHANNELS)


class TestValueResidual(Flat):
    def build(self):
        return ValueResidual()

    def inputs(self):
        return (torch.randn(3, 5, CHANNELS), torch.randn(3, 5, CHANNELS))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DepthWeightedAverage(0), "at least 1 state; got num_states=0"),
        (lambda: DepthWeightedAverage(2)([torch.ones(2)]), "over 2 states; got 1"),
        (lambda: DenseFormer([nn.Tanh()], period=0), "period=0; both are 1 or more"),
        (lambda: LAuReL(nn.Tanh(), 4, rank=5), "from 0 to 4 channels.* got rank=5"),
        (lambda: LAuReL(nn.Tanh(), 4, num_previous=1)(torch.ones(4)), "of 1 earlier .* got 0"),
        (lambda: DeltaResidual(nn.Tanh(), 4, start=2.0), "between 0 and 2; got start=2"),
    ],
)
def test_bad_arguments_get_a_reason(call, message):
    with pytest.raises(InputError, match=message):
        call()
