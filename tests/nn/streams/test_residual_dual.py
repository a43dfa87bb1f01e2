"""ResiDual: its equations, and gradients that pass no other block's norm."""

import pytest
import torch
from torch import nn

from plusone.errors import InputError
from plusone.nn.streams import ResiDual
from plusone.testing import ResidualContract

from .nets import CHANNELS, branches, data, randomise


def norm():
    return nn.LayerNorm(CHANNELS)


def test_it_is_its_equations():
    net = randomise(ResiDual(branches(5), norm), std=0.4).double()
    x = dual = data(3, CHANNELS)
    y = net(x)
    for branch, own in zip(net.branches, net.norms, strict=True):
        update = branch(x)
        x, dual = own(x + update), dual + update
    torch.testing.assert_close(y, x + net.last_norm(dual), rtol=0, atol=1e-12)


def first_over_last(net, x):
    """The gradient's size at the first branch's last layer, over that at the last branch's."""
    (net(x) * data(*x.shape, seed=1, dtype=x.dtype)).sum().backward()
    first, last = (net.branches[k][-1].weight.grad.norm().item() for k in (0, -1))
    net.zero_grad()
    return first / last


def test_the_first_branchs_gradient_does_not_fade_with_depth_as_post_norms_does():
    """Without the dual stream the net is a post-norm one, whose gradients fade in each norm."""
    found = {}
    for depth in (10, 60):
        made = branches(depth, has_norm=False)
        for branch in made:
            nn.init.normal_(branch[0].weight, std=0.05)  # outputs of size 1, of small slopes
            nn.init.normal_(branch[0].bias)
            nn.init.normal_(branch[-1].weight, std=0.25)
        net = ResiDual(made, norm)
        x = data(32, CHANNELS, dtype=torch.float32)
        whole = first_over_last(net, x)
        nn.init.zeros_(net.last_norm.weight)
        found[depth] = whole, first_over_last(net, x)
    assert found[60][0] > 0.1
    assert found[60][1] < 1e-3


def test_no_branches_are_refused():
    with pytest.raises(InputError, match="at least 1 branch; got none"):
        ResiDual([], norm)


class TestResiDual(ResidualContract):
    def build(self):
        return ResiDual(branches(2, eps=1e-5), norm)

    def inputs(self):
        return (torch.randn(2, 5, CHANNELS),)
