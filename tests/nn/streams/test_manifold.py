"""mHC and its mixings: sums, singular values, gradients, and the start as a residual net."""

import math

import pytest
import torch
from torch import nn

from plusone.errors import InputError
from plusone.nn.streams import (
    BirkhoffMixing,
    ManifoldHyperConnection,
    SinkhornMixing,
    sinkhorn,
)
from plusone.nn.streams.birkhoff import kronecker, permutation_matrices
from plusone.testing.doubly_stochastic import assert_doubly_stochastic

from .nets import CHANNELS, branches, data, manifold, randomise, residual_net, run

EXACT = ["birkhoff", "kronecker", "orthostochastic"]
DOUBLY = ["sinkhorn", *EXACT]
ALL = [*DOUBLY, "orthogonal", "free", "identity"]


def block(mixing="sinkhorn", *, seed=None, streams=4, layer=0, **options):
    made = ManifoldHyperConnection(
        branches(1)[0], CHANNELS, layer=layer, streams=streams, mixing=mixing, **options
    ).double()
    return made if seed is None else randomise(made, seed)


@pytest.mark.parametrize("mixing", ALL)
@pytest.mark.parametrize("dynamic", [True, False])
def test_the_papers_initial_values_are_the_pre_norm_net(mixing, dynamic):
    fs = [f.double() for f in branches(12)]
    x = data(3, 5, CHANNELS)
    found = run(x, manifold(fs, mixing=mixing, dynamic=dynamic).double())
    wanted = residual_net(x, fs)
    assert (found - wanted).abs().max() < 1e-12 * wanted.abs().max()


@pytest.mark.parametrize("mixing", ALL)
def test_init_identity_is_the_residual_net_without_a_norm_too(mixing):
    fs = [f.double() for f in branches(12, has_norm=False)]
    x = data(3, 5, CHANNELS)
    wanted = residual_net(x, fs)
    exact = run(x, manifold(fs, mixing=mixing, init="identity").double())
    paper = run(x, manifold(fs, mixing=mixing).double())
    assert (exact - wanted).abs().max() < 1e-6 * wanted.abs().max()
    assert (paper - wanted).abs().max() > 1e-2 * wanted.abs().max()


def test_the_initial_weights_are_those_of_appendix_a6():
    weights = block(layer=6).weights(data(4, CHANNELS))
    near, far = 1 / (1 + math.exp(-3)), 1 / (1 + math.exp(3))
    torch.testing.assert_close(weights.read, torch.tensor([far, far, near, far]).double())
    torch.testing.assert_close(weights.write, torch.ones(4).double())
    diagonal = math.exp(6) / (math.exp(6) + 3)
    assert (weights.mix.diagonal() - diagonal).abs().max() < 1e-7
    second = torch.linalg.svdvals(weights.mix)[1]
    assert abs(second - 0.9902) < 1e-4


def reference(x, block):
    """Equations 7 and 8 of arXiv 2512.24880 for one position, with 1,000 rounds."""
    n = block.streams
    flat = x.flatten()
    z = block.projection @ flat / (flat.square().mean() + 1e-6).sqrt()
    z = torch.cat([s * p for s, p in zip(block.scale, z.split([n, n, n * n]), strict=True)])
    pre, post, res = (z + block.bias).split([n, n, n * n])
    h_res = res.view(n, n).exp()
    for _ in range(1000):
        h_res = h_res / h_res.sum(0)
        h_res = h_res / h_res.sum(1, keepdim=True)
    y = block.branch((pre.sigmoid()[:, None] * x).sum(0))
    return h_res @ x + 2 * post.sigmoid()[:, None] * y, h_res.T @ x


@pytest.mark.parametrize("streams", [2, 3, 4])
def test_the_block_is_the_papers_equations(streams):
    made = block(SinkhornMixing(streams, rounds=1000), seed=3, streams=streams)
    x = data(2, 5, streams, CHANNELS)
    found = made(x)
    for b in range(2):
        for t in range(5):
            wanted, transposed = reference(x[b, t], made)
            assert (found[b, t] - wanted).abs().max() < 1e-10
            # A transposed H_res would be seen, but for 2 streams, where it is symmetric.
            mixed = made.weights(x).mix[b, t] @ x[b, t]
            assert streams == 2 or (transposed - mixed).abs().max() > 1e-3


@pytest.mark.parametrize("mixing", DOUBLY)
def test_the_mixing_is_doubly_stochastic_for_any_parameters(mixing):
    made = block(mixing, seed=1)
    mix = made.weights(data(64, 4, CHANNELS)).mix
    assert_doubly_stochastic(mix, atol=1e-12 if mixing in EXACT else 1e-5)
    assert (mix - torch.eye(4)).abs().max() > 0.1


def test_the_orthogonal_mixing_is_orthogonal():
    mix = block("orthogonal", seed=1).weights(data(64, 4, CHANNELS)).mix
    assert (mix @ mix.mT - torch.eye(4)).abs().max() < 1e-12
    assert (mix - torch.eye(4)).abs().max() > 0.1


@pytest.mark.parametrize("mixing", DOUBLY)
def test_a_product_over_depth_stays_doubly_stochastic_and_never_amplifies(mixing):
    product = torch.eye(4, dtype=torch.float64)
    for seed in range(60):
        product = block(mixing, seed=seed).weights(data(4, CHANNELS)).mix @ product
    atol = 1e-10 if mixing in EXACT else 1e-3
    assert_doubly_stochastic(product, atol=atol)
    assert torch.linalg.matrix_norm(product, 2) < 1 + atol


def test_free_mixing_amplifies():
    product = torch.eye(4, dtype=torch.float64)
    for seed in range(60):
        product = block("free", seed=seed).weights(data(4, CHANNELS)).mix @ product
    assert torch.linalg.matrix_norm(product, 2) > 1e3


@pytest.mark.parametrize("mixing", ALL[:-2])
def test_streams_stay_apart_over_24_blocks_at_initialisation(mixing):
    x = data(4, CHANNELS)
    product = torch.eye(4, dtype=torch.float64)
    for made in manifold(branches(24), mixing=mixing).double():
        product = made.weights(x).mix @ product
    assert torch.linalg.svdvals(product)[1] > 0.7


def test_other_peoples_logits_merge_the_streams():
    """Logits of I and of zeros, as in public code: H_res^8 has nothing but its mean left."""
    for logits in (torch.eye(4), torch.zeros(4, 4)):
        matrix = sinkhorn(logits.double())
        assert torch.linalg.svdvals(torch.linalg.matrix_power(matrix, 8))[1] < 1e-4


@pytest.mark.parametrize("mixing", ALL[:-1])
@pytest.mark.parametrize("dynamic", [True, False])
def test_every_mixing_logit_has_a_gradient_at_initialisation(mixing, dynamic):
    made = block(mixing, dynamic=dynamic)
    (made(data(8, 4, CHANNELS)) ** 2).sum().backward()
    logits = made.bias.grad[8:]
    assert len(logits) == made.mixing.num_logits
    assert logits.abs().min() > 1e-6 * logits.abs().max()
    if dynamic:
        assert made.projection.grad[8:].abs().amax(1).min() > 0


def test_a_temperature_of_005_leaves_no_gradient():
    """Logits of 0 and -8 divided by 0.05, as in public code, which is why we start elsewhere."""
    logits = torch.full((4, 4), -8.0).fill_diagonal_(0).requires_grad_()
    (sinkhorn(logits / 0.05) * torch.rand(4, 4)).sum().backward()
    assert not logits.grad.any()


@pytest.mark.parametrize("mixing", ["sinkhorn", "free"])
def test_permuting_streams_is_permuting_parameters(mixing):
    made = block(SinkhornMixing(4, rounds=1000) if mixing == "sinkhorn" else mixing, seed=5)
    x = data(2, 5, 4, CHANNELS)
    order = torch.tensor([2, 0, 3, 1])
    wanted = made(x)[..., order, :]
    pairs = (8 + order[:, None] * 4 + order).flatten()
    rows = torch.cat([order, 4 + order, pairs])
    with torch.no_grad():
        made.bias.copy_(made.bias[rows])
        by_stream = made.projection[rows].unflatten(1, (4, CHANNELS))
        made.projection.copy_(by_stream[:, order].flatten(1))
    assert (made(x[..., order, :]) - wanted).abs().max() < 1e-10


def test_all_permutations_are_there_once_with_the_identity_first():
    matrices = permutation_matrices(4)
    assert matrices.shape == (24, 4, 4)
    assert torch.equal(matrices[0], torch.eye(4))
    assert len({tuple(m.flatten().tolist()) for m in matrices}) == 24
    assert_doubly_stochastic(matrices, atol=0)


def test_any_doubly_stochastic_matrix_of_three_is_reached_by_permutations():
    """Birkhoff's theorem, by the weights that solve for a random target."""
    target = sinkhorn(data(3, 3), 500)
    matrices = permutation_matrices(3).double()
    parity = torch.tensor([1.0, -1, -1, 1, 1, -1]).double()
    weights = torch.linalg.lstsq(matrices.flatten(1).T, target.flatten()[:, None]).solution[:, 0]
    # Even minus odd permutations add nothing: go along that line until all weights are positive.
    low, high = -weights[parity > 0].min(), weights[parity < 0].min()
    assert low < high
    weights = weights + parity * (low + high) / 2
    found = BirkhoffMixing(3).double()(weights.log())
    assert (found - target).abs().max() < 1e-12


def test_kronecker_factors_are_the_product_of_numpy():
    logits = data(6)
    a, b, c = (
        p[0] * torch.eye(2).double() + p[1] * torch.eye(2).double().flip(0)
        for p in logits.view(3, 2).softmax(-1)
    )
    assert (kronecker(logits) - torch.kron(torch.kron(a, b), c)).abs().max() < 1e-15


def test_the_branch_runs_on_one_stream_with_its_arguments():
    class Masked(nn.Module):
        def forward(self, x, mask):
            return x * mask, "weights"

    made = ManifoldHyperConnection(Masked(), CHANNELS, layer=0)
    x = data(3, 4, CHANNELS, dtype=torch.float32)
    mask = torch.tensor([1.0, 0.0, 1.0])[:, None]
    streams, rest = made(x, mask)
    weights = made.weights(x)
    assert rest == "weights"
    torch.testing.assert_close(streams[1], weights.mix[1] @ x[1])
    assert (streams[0] - weights.mix[0] @ x[0]).abs().max() > 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mixing": "softmax"}, "one of sinkhorn, birkhoff.* identity; got 'softmax'"),
        ({"mixing": "kronecker", "streams": 3}, "power of two as streams; got 3"),
        ({"mixing": "birkhoff", "streams": 7}, "1 to 6 streams; got 7"),
        ({"mixing": SinkhornMixing(3)}, "made for 3 streams, the block has 4"),
        ({"init": "zeros"}, "'paper' or 'identity'; got 'zeros'"),
        ({"streams": 1}, "at least 2 streams; got 1"),
    ],
)
def test_bad_arguments_get_a_reason(options, message):
    with pytest.raises(InputError, match=message):
        ManifoldHyperConnection(nn.Tanh(), CHANNELS, layer=0, **options)


def test_the_representation_says_what_it_is():
    text = repr(block("identity"))
    assert "streams=4, channels=8, layer=0, identity, dynamic=True" in text
    assert "SinkhornMixing" in repr(block())
