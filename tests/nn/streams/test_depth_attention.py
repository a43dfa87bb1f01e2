"""Attention residuals against the paper's pseudo-code, and the start as a pre-norm net."""

import pytest
import torch
from torch import nn

from plusone.errors import InputError
from plusone.nn.streams import AttentionResiduals, DepthAttention
from plusone.testing import ResidualContract

from .nets import CHANNELS, branches, data, randomise, residual_net


def block_attn_res(blocks, partial, query):
    """Figure 2 of arXiv 2603.15031, without the gain of the norm."""
    values = torch.stack(blocks + ([] if partial is None else [partial]))
    keys = values / (values.square().mean(-1, keepdim=True) + 1e-6).sqrt()
    logits = torch.einsum("d,n...d->n...", query, keys)
    return torch.einsum("n...,n...d->...d", logits.softmax(0), values)


def reference(x, net):
    """Equation 6: first branches attend over whole blocks, others over the sum so far too."""
    blocks, partial, h = [x], None, x
    for index, branch in enumerate(net.branches):
        if index:
            h = block_attn_res(blocks, partial, net.reads[index - 1].query)
        partial = branch(h) if partial is None else partial + branch(h)
        if (index + 1) % net.block_size == 0:
            blocks, partial = [*blocks, partial], None
    return block_attn_res(blocks, partial, net.reads[-1].query)


@pytest.mark.parametrize("block_size", [1, 2, 3, 7, 20])
def test_the_stack_is_the_papers_pseudo_code(block_size):
    net = AttentionResiduals(branches(7), CHANNELS, block_size=block_size).double()
    randomise(net, std=0.7)
    x = data(3, 5, CHANNELS)
    assert (net(x) - reference(x, net)).abs().max() < 1e-12


@pytest.mark.parametrize(("block_size", "sources"), [(1, 13), (3, 5), (12, 2), (5, 4)])
def test_at_the_start_it_is_the_pre_norm_net_divided_by_the_number_of_sources(block_size, sources):
    fs = [f.double() for f in branches(12)]
    net = AttentionResiduals(fs, CHANNELS, block_size=block_size).double()
    x = data(3, 5, CHANNELS)
    wanted = residual_net(x, fs)
    assert (sources * net(x) - wanted).abs().max() < 1e-12 * wanted.abs().max()


def test_full_attention_is_that_of_blocks_of_one_and_differs_from_blocks_of_two():
    fs = branches(6)
    x = data(3, 5, CHANNELS, dtype=torch.float32)
    nets = [AttentionResiduals(fs, CHANNELS, block_size=size) for size in (1, 2)]
    for net in nets:
        randomise(net.reads)
    assert (nets[0](x) - nets[1](x)).abs().max() > 0.1


def test_weights_are_positive_and_sum_to_one_and_follow_the_query():
    attention = DepthAttention(CHANNELS).double()
    sources = [data(4, CHANNELS, seed=s) for s in range(5)]
    torch.testing.assert_close(attention.weights(sources), torch.full((4, 5), 0.2).double())
    with torch.no_grad():
        attention.query.copy_(30 * sources[3][0])
    weights = attention.weights(sources)
    assert (weights.sum(-1) - 1).abs().max() < 1e-12
    assert weights[0, 3] > 0.99
    assert weights.shape == (4, 5)


def test_scaled_sources_get_the_same_weights_but_values_keep_their_scale():
    """Keys are normed, values are not."""
    attention = randomise(DepthAttention(CHANNELS).double())
    sources = [data(4, CHANNELS, seed=s) for s in range(3)]
    tenfold = [10 * source for source in sources]
    assert (attention.weights(tenfold) - attention.weights(sources)).abs().max() < 1e-5
    assert (attention(tenfold) - 10 * attention(sources)).abs().max() < 1e-4


def test_what_is_stored_grows_linearly_with_depth():
    """Stacked sources would be stored anew for each branch: quadratic."""

    def stored(depth):
        net = AttentionResiduals([nn.Linear(64, 64) for _ in range(depth)], 64)
        sizes = {}

        def pack(tensor):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            net(data(256, 64, dtype=torch.float32))
        return sum(sizes.values())

    assert stored(16) < 2.7 * stored(8)


class TestAttentionResiduals(ResidualContract):
    def build(self):
        return AttentionResiduals(branches(4, eps=1e-5), CHANNELS, block_size=2)

    def inputs(self):
        return (torch.randn(2, 5, CHANNELS),)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: AttentionResiduals([], 8), "at least 1 branch; got none"),
        (lambda: AttentionResiduals([nn.Tanh()], 8, block_size=0), "got block_size=0"),
        (lambda: DepthAttention(8)([]), "got none"),
        (lambda: DepthAttention(8)([torch.ones(8), torch.ones(2, 8)]), "one shape; got"),
    ],
)
def test_bad_arguments_get_a_reason(call, message):
    with pytest.raises(InputError, match=message):
        call()
