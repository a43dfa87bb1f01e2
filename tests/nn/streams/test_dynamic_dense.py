"""Multiway dynamic dense connections: their equation in float64, and the net without at first."""

import math

import pytest
import torch
from torch import nn

from plusone.errors import InputError
from plusone.nn import Residual
from plusone.nn.streams import DynamicDense, MUDDFormer
from plusone.testing import ResidualContract, assert_every_parameter_matters

from .nets import CHANNELS, branches, data, randomise


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


@pytest.mark.parametrize(("num_states", "num_ways"), [(1, 1), (3, 4), (5, 2)])
def test_each_way_is_its_own_sum_over_all_states(num_states, num_ways):
    dense = randomise(DynamicDense(CHANNELS, num_states, num_ways)).double()
    states = [data(3, 5, CHANNELS, seed=s) for s in range(num_states)]
    last = states[-1]
    normed = last / (last.square().mean(-1, keepdim=True) + 1e-6).sqrt()
    weights = gelu(normed @ dense.inner.weight.T) @ dense.outer.weight.T
    weights = weights.view(3, 5, num_ways, num_states) + dense.bias
    stacked = torch.stack(states, -2)  # [..., states, channels]
    expected = weights @ stacked
    found = torch.stack(dense(states), -2)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


class FourWays(nn.Module):
    """A block on query, key, value and residual inputs, which are all of one shape."""

    def __init__(self, width=CHANNELS):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))

    def forward(self, q, k, v, r):
        scores = self.q(q) @ self.k(k).mT / q.shape[-1] ** 0.5
        return r + scores.softmax(-1) @ self.v(v)


def test_it_starts_as_the_net_without_bit_by_bit():
    blocks = [FourWays() for _ in range(6)]
    net = MUDDFormer(blocks, CHANNELS)
    x = y = data(2, 5, CHANNELS, dtype=torch.float32)
    for block in blocks:
        y = block(y, y, y, y)
    assert torch.equal(net(x), y)


def test_the_newest_state_takes_part_in_each_sum():
    """In a public torch code the sum over states ends one too early."""
    dense = DynamicDense(CHANNELS, 3, 2)
    states = [data(2, CHANNELS, seed=s, dtype=torch.float32) for s in range(3)]
    for way in dense(states):
        assert torch.equal(way, states[-1])


def test_the_whole_net_is_its_equation():
    net = randomise(MUDDFormer([FourWays() for _ in range(3)], CHANNELS), std=0.3).double()
    x = data(2, 5, CHANNELS)
    states, ways = [x], (x,) * 4
    for block, read in zip(net.blocks, net.reads, strict=True):
        states.append(block(*ways))
        weights = read.weights(states[-1])
        ways = [
            sum(weights[..., c, j, None] * state for j, state in enumerate(states))
            for c in range(read.num_ways)
        ]
    torch.testing.assert_close(net(x), ways[0], rtol=0, atol=1e-12)
    assert [read.num_ways for read in net.reads] == [4, 4, 1]
    assert_every_parameter_matters(net, x, ignore=["*.k.bias"], packed=["reads.*"])


def test_with_one_way_it_takes_blocks_of_one_input():
    blocks = [Residual(branch) for branch in branches(3)]
    x = data(2, CHANNELS, dtype=torch.float32)
    net = MUDDFormer(blocks, CHANNELS, num_ways=1)
    assert torch.equal(net(x), nn.Sequential(*blocks)(x))


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="at least 1 block; got none"):
        MUDDFormer([], CHANNELS)
    with pytest.raises(InputError, match="num_states=0, num_ways=4"):
        DynamicDense(CHANNELS, 0)
    with pytest.raises(InputError, match="over 2 states; got 1 of them"):
        DynamicDense(CHANNELS, 2)([torch.ones(1, CHANNELS)])


class TestMUDDFormer(ResidualContract):
    num_opening_steps = 2  # W2 first, then W1
    ignored_parameters = ("*.k.bias",)
    packed_parameters = ("reads.*",)

    def build(self):
        return MUDDFormer([FourWays() for _ in range(3)], CHANNELS)

    def inputs(self):
        return (torch.randn(2, 5, CHANNELS),)
