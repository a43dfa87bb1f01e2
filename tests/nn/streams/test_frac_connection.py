"""Frac-connections against their equation in float64, and where a public package starts."""

import hyper_connections
import pytest
import torch
from torch import nn

from plusone.errors import InputError
from plusone.nn.streams import FracConnection
from plusone.testing import ResidualContract

from .nets import CHANNELS, branches, data, randomise


def reference(block, x):
    """One position, one fraction and one channel at a time."""
    m, size = block.fractions, CHANNELS // block.fractions
    flat = x.reshape(-1, CHANNELS)
    out = torch.empty_like(flat)
    for row, position in enumerate(flat):
        parts = position.view(m, size)
        read, mix = block.read_weight.clone(), block.mix_weight.clone()
        write = block.write_weight.clone()
        if block.dynamic:
            for i in range(m):
                normed = parts[i] / (parts[i].square().mean() + 1e-6).sqrt()
                found = torch.tanh(block.projection @ normed)
                read[i] += block.width_scale * found[:m]
                mix[i] += block.width_scale * found[m : 2 * m]
                write[i] += block.depth_scale * found[2 * m]
        entering = torch.cat([sum(read[i, j] * parts[i] for i in range(m)) for j in range(m)])
        update = block.branch(entering).view(m, size)
        for j in range(m):
            mixed = sum(mix[i, j] * parts[i] for i in range(m))
            out[row, j * size : (j + 1) * size] = mixed + write[j] * update[j]
    return out.view_as(x)


@pytest.mark.parametrize("dynamic", [True, False])
@pytest.mark.parametrize("fractions", [2, 4, 8])
def test_it_is_its_equation(fractions, dynamic):
    branch = branches(1)[0]
    block = randomise(
        FracConnection(branch, CHANNELS, fractions=fractions, dynamic=dynamic)
    ).double()
    x = data(3, 5, CHANNELS)
    torch.testing.assert_close(block(x), reference(block, x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dynamic", [True, False])
def test_it_starts_as_the_residual_block_bit_by_bit(dynamic):
    branch = branches(1)[0]
    block = FracConnection(branch, CHANNELS, fractions=4, dynamic=dynamic)
    x = data(3, 5, CHANNELS, dtype=torch.float32)
    assert torch.equal(block(x), x + branch(x))


def test_the_public_package_does_not_start_there():
    """Its static weights read the first fraction into all: no residual block, as the text says."""
    branch = branches(1, eps=1e-5)[0]
    theirs = hyper_connections.HyperConnections(
        1, dim=CHANNELS, branch=branch, layer_index=0, num_fracs=4
    )
    x = data(3, 5, CHANNELS, dtype=torch.float32)
    off = theirs(x) - (x + branch(x))
    assert off.abs().max() > 0.1
    assert theirs.static_alpha[0, :4].tolist() == [1, 1, 1, 1]
    assert theirs.static_alpha[1:, :4].abs().max() == 0


def test_arguments_go_to_the_branch():
    class Times(nn.Module):
        def forward(self, x, factor, *, shift):
            return factor * x + shift

    x = data(2, CHANNELS, dtype=torch.float32)
    torch.testing.assert_close(FracConnection(Times(), CHANNELS)(x, 3, shift=1), 4 * x + 1)


def test_channels_that_do_not_divide_are_refused():
    for fractions in (1, 3):
        with pytest.raises(InputError, match=f"8 channels cannot be cut into {fractions} equal"):
            FracConnection(nn.Identity(), CHANNELS, fractions=fractions)


class TestFracConnection(ResidualContract):
    dynamic = True
    packed_parameters = ("read_weight", "mix_weight", "write_weight", "projection")

    def build(self):
        branch = branches(1, eps=1e-5)[0]
        return FracConnection(branch, CHANNELS, fractions=4, dynamic=self.dynamic)

    def inputs(self):
        return (torch.randn(2, 5, CHANNELS),)


class TestStaticFracConnection(TestFracConnection):
    dynamic = False
