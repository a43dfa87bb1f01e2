"""Hyper-connections: a residual net at the start, the paper's equations afterwards."""

import pytest
import torch
from torch import nn

from plusone.errors import InputError
from plusone.nn.streams import HyperConnection, expand_streams, reduce_streams

from .nets import CHANNELS, branches, data, hyper, randomise, residual_net, run


@pytest.mark.parametrize("dynamic", [True, False])
@pytest.mark.parametrize("has_norm", [True, False])
def test_at_initialisation_it_is_the_residual_net_bit_by_bit(dynamic, has_norm):
    fs = branches(12, has_norm=has_norm)
    x = data(3, 5, CHANNELS, dtype=torch.float32)
    assert torch.equal(run(x, hyper(fs, dynamic=dynamic)), residual_net(x, fs))


def reference(x, block):
    """Equations 2 and 10 to 13 of arXiv 2409.19606, stream by stream."""
    n, w = block.streams, block.projection
    normed = x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()
    z = torch.tanh(normed @ w.T)
    read, mix, write = block.read_weight, block.mix_weight, block.write_weight
    s_width, s_depth = block.width_scale, block.depth_scale
    u = sum((read[s] + s_width * z[..., s, 0, None]) * x[..., s, :] for s in range(n))
    y = block.branch(u)
    streams = []
    for t in range(n):
        kept = sum((mix[t, s] + s_width * z[..., s, 1 + t, None]) * x[..., s, :] for s in range(n))
        streams.append(kept + (write[t] + s_depth * z[..., t, n + 1, None]) * y)
    return torch.stack(streams, -2)


@pytest.mark.parametrize("streams", [2, 3, 4])
def test_the_dynamic_block_is_the_papers_equations(streams):
    block = randomise(
        HyperConnection(branches(1)[0], CHANNELS, layer=1, streams=streams).double(), seed=3
    )
    x = data(2, 5, streams, CHANNELS)
    assert (block(x) - reference(x, block)).abs().max() < 1e-12


def test_the_static_block_is_one_constant_mixing():
    block = randomise(HyperConnection(branches(1)[0], CHANNELS, layer=0, dynamic=False).double())
    x = data(2, 5, 4, CHANNELS)
    u = torch.einsum("s,...sc->...c", block.read_weight, x)
    mixed = torch.einsum("ts,...sc->...tc", block.mix_weight, x)
    wanted = mixed + block.write_weight[:, None] * block.branch(u)[..., None, :]
    assert (block(x) - wanted).abs().max() < 1e-12
    # The same with the matrix the other way round is another function.
    other = torch.einsum("st,...sc->...tc", block.mix_weight, x)
    assert (mixed - other).abs().max() > 0.1


def test_permuting_streams_is_permuting_parameters():
    block = randomise(HyperConnection(branches(1)[0], CHANNELS, layer=0).double())
    x = data(2, 5, 4, CHANNELS)
    order = torch.tensor([2, 0, 3, 1])
    wanted = block(x)[..., order, :]
    with torch.no_grad():
        block.read_weight.copy_(block.read_weight[order])
        block.write_weight.copy_(block.write_weight[order])
        block.mix_weight.copy_(block.mix_weight[order][:, order])
        rows = torch.cat([torch.tensor([0]), 1 + order, torch.tensor([5])])
        block.projection.copy_(block.projection[rows])
    assert (block(x[..., order, :]) - wanted).abs().max() < 1e-12


def test_the_mixing_has_a_gradient_at_initialisation():
    block = HyperConnection(branches(1)[0], CHANNELS, layer=0)
    (block(data(2, 4, CHANNELS, dtype=torch.float32)) ** 2).sum().backward()
    assert block.mix_weight.grad.abs().min() > 0


def test_streams_are_not_in_the_batch():
    """A batch norm in the branch counts each sample once."""
    f = nn.BatchNorm1d(CHANNELS)
    block = HyperConnection(f, CHANNELS, layer=0)
    x = data(6, CHANNELS, dtype=torch.float32)
    block(expand_streams(x, 4))
    wanted = 0.9 * torch.ones(CHANNELS) + 0.1 * x.var(0)
    torch.testing.assert_close(f.running_var, wanted)


def test_reducing_undoes_expanding_and_the_sum_is_n_times_as_large():
    x = data(2, 3, CHANNELS)
    for streams in (1, 2, 4):
        expanded = expand_streams(x, streams)
        assert expanded.shape == (2, 3, streams, CHANNELS)
        assert torch.equal(reduce_streams(expanded), x)
        assert torch.equal(reduce_streams(expanded, "sum"), streams * x)
    three = expand_streams(x, 3)
    three[..., 0, :] += 1
    assert not torch.equal(three[..., 1, :], three[..., 0, :])
    assert (reduce_streams(three) - x - 1 / 3).abs().max() < 1e-12


class WithWeights(nn.Module):
    """A branch like attention: takes a mask, returns a second result."""

    def forward(self, x, mask, *, scale=1.0):
        return scale * mask * x, mask.sum()


def test_arguments_reach_the_branch_and_further_results_come_back():
    block = HyperConnection(WithWeights(), CHANNELS, layer=0, dynamic=False)
    x = data(3, 4, CHANNELS, dtype=torch.float32)
    mask = torch.tensor([1.0, 0.0, 1.0])[:, None]
    streams, total = block(x, mask, scale=2.0)
    wanted = x + (2 * mask * x[..., 0, :])[..., None, :]
    assert torch.equal(streams, wanted)
    assert total == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: HyperConnection(nn.Tanh(), 8, layer=0, streams=1), "at least 2 streams"),
        (lambda: HyperConnection(nn.Tanh(), 0, layer=0), "size of the last axis"),
        (
            lambda: HyperConnection(nn.Tanh(), 8, layer=0)(torch.ones(2, 8)),
            r"takes \[..., 4 streams, 8 channels\]; got shape \(2, 8\). expand_streams",
        ),
        (lambda: expand_streams(torch.ones(2), 0), "at least 1 stream"),
        (lambda: expand_streams(torch.tensor(1.0), 2), "got a single number"),
        (lambda: reduce_streams(torch.ones(2)), r"got shape \(2,\)"),
        (lambda: reduce_streams(torch.ones(2, 2), "max"), "'mean' or 'sum'; got 'max'"),
    ],
)
def test_bad_arguments_get_a_reason(call, message):
    with pytest.raises(InputError, match=message):
        call()
