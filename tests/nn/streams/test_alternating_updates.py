"""AltUp against its algorithm in float64, and copies that stay copies."""

import pytest
import torch
from torch import nn

from plusone.errors import InputError
from plusone.nn import Residual
from plusone.nn.streams import AlternatingUpdate, expand_streams, reduce_streams
from plusone.testing import ResidualContract

from .nets import CHANNELS, branches, data, randomise


@pytest.mark.parametrize(("streams", "layer"), [(2, 0), (2, 3), (4, 6)])
def test_it_is_predict_compute_correct(streams, layer):
    block = randomise(AlternatingUpdate(branches(1)[0], layer=layer, streams=streams)).double()
    x = data(3, streams, CHANNELS)
    p, g, active = block.predict_weight, block.correct_weight, layer % streams
    for row, found in zip(x, block(x), strict=True):
        predicted = [sum(p[i, j] * row[j] for j in range(streams)) for i in range(streams)]
        computed = block.block(row[active])
        for i in range(streams):
            expected = predicted[i] + g[i] * (computed - predicted[active])
            torch.testing.assert_close(found[i], expected, rtol=0, atol=1e-12)


def test_a_net_starts_as_the_residual_net_and_its_copies_stay_copies():
    made = branches(6)
    blocks = [
        AlternatingUpdate(Residual(branch), layer=layer, streams=3)
        for layer, branch in enumerate(made)
    ]
    x = data(3, 5, CHANNELS, dtype=torch.float32)
    streams, plain = expand_streams(x, 3), x
    for block, branch in zip(blocks, made, strict=True):
        streams, plain = block(streams), plain + branch(plain)
    torch.testing.assert_close(streams, expand_streams(plain, 3))
    torch.testing.assert_close(reduce_streams(streams), plain)


def test_each_block_computes_one_stream_and_all_are_computed_in_turn():
    seen = []

    class Block(nn.Module):
        def forward(self, x):
            seen.append(x[0, 0].item())
            return x

    streams = torch.arange(4.0).view(1, 4, 1).expand(1, 4, CHANNELS)
    for layer in range(5):
        assert torch.equal(AlternatingUpdate(Block(), layer=layer, streams=4)(streams), streams)
    assert seen == [0, 1, 2, 3, 0]


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="need 2 streams or more; got 1"):
        AlternatingUpdate(nn.Identity(), layer=0, streams=1)
    with pytest.raises(InputError, match=r"takes \[..., 2 streams, channels\]; got shape \(3, 8\)"):
        AlternatingUpdate(nn.Identity(), layer=0)(torch.ones(3, 8))


class TestAlternatingUpdate(ResidualContract):
    packed_parameters = ("predict_weight", "correct_weight")

    def build(self):
        return AlternatingUpdate(Residual(branches(1, eps=1e-5)[0]), layer=1, streams=4)

    def inputs(self):
        return (torch.randn(2, 5, 4, CHANNELS),)
