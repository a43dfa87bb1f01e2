"""Side by side with lucidrains' hyper-connections 0.4.11, with the same weights.

Their streams sit in the batch ("(b s) ... d") and their matrix is [stream read, stream written];
with both turned round, outputs and gradients agree.
"""

import pytest
import torch

from plusone.nn.streams import HyperConnection, ManifoldHyperConnection, SinkhornMixing

from .nets import CHANNELS, branches, data, randomise, residual_net

lucidrains = pytest.importorskip("hyper_connections")
N = 4


def to_batch(x):
    """[b, ..., s, d] as [(b s), ..., d]."""
    return x.movedim(-2, 1).flatten(0, 1)


def from_batch(x):
    return x.unflatten(0, (-1, N)).movedim(1, -2)


def compare(ours, theirs, x, tolerance):
    """The outputs, and the gradients at the streams, of both."""
    results = []
    for call in (ours, theirs):
        leaf = x.clone().requires_grad_()
        output = call(leaf)
        (grad,) = torch.autograd.grad((output * data(*x.shape, seed=9)).sum(), leaf)
        results.append((output, grad))
    for ours_, theirs_ in zip(*results, strict=True):
        assert (ours_ - theirs_).abs().max() < tolerance * theirs_.abs().max()


def test_hyper_connections_are_the_same_function():
    branch = branches(1)[0].double()
    theirs = lucidrains.HyperConnections(N, dim=CHANNELS, branch=branch, layer_index=2).double()
    ours = HyperConnection(branch, CHANNELS, layer=2).double()
    randomise(theirs)
    with torch.no_grad():
        theirs.norm.gamma.zero_()  # ours has no gain: the projection holds it
        ours.read_weight.copy_(theirs.static_alpha[:, 0])
        ours.mix_weight.copy_(theirs.static_alpha[:, 1:].T)
        ours.write_weight.copy_(theirs.static_beta)
        ours.projection.copy_(torch.cat([theirs.dynamic_alpha_fn.T, theirs.dynamic_beta_fn[None]]))
        ours.width_scale.copy_(theirs.dynamic_alpha_scale)
        ours.depth_scale.copy_(theirs.dynamic_beta_scale)
    x = data(3, 5, N, CHANNELS)
    compare(ours, lambda v: from_batch(theirs(to_batch(v))), x, 1e-5)


@pytest.mark.parametrize("version", ["mHC", "mHCv2"])
def test_manifold_hyper_connections_are_the_same_function_of_streams_of_one_size(version):
    """They normalise each stream by itself, as hyper-connections do; the paper all together."""
    branch = branches(1)[0].double()
    if version == "mHC":
        make = lucidrains.mHC
    else:
        make = pytest.importorskip("hyper_connections.mHCv2").mHC
    theirs = make(N, dim=CHANNELS, branch=branch, layer_index=1, sinkhorn_iters=300).double()
    ours = ManifoldHyperConnection(
        branch, CHANNELS, layer=1, mixing=SinkhornMixing(N, rounds=300)
    ).double()
    randomise(theirs)
    randomise(branch, seed=4)
    with torch.no_grad():
        theirs.norm.gamma.zero_()
        alpha, beta = theirs.static_alpha, theirs.static_beta.flatten()
        ours.bias.copy_(torch.cat([alpha[:, 0], beta, alpha[:, 1:].T.flatten()]))
        scales = [theirs.pre_branch_scale, theirs.h_post_scale.view(1), theirs.residual_scale]
        ours.scale.copy_(torch.cat(scales))
        projection = ours.projection.zero_().unflatten(1, (N, CHANNELS))
        for s in range(N):
            projection[s, s] = theirs.dynamic_alpha_fn[0, :, 0]
            projection[N + s, s] = theirs.dynamic_beta_fn.flatten()
            for t in range(N):
                projection[2 * N + t * N + s, s] = theirs.dynamic_alpha_fn[0, :, 1 + t]
    x = data(3, 5, N, CHANNELS)
    x = x / x.square().mean(-1, keepdim=True).sqrt()

    def call(v):
        return from_batch(theirs(to_batch(v))) if version == "mHC" else theirs(v)

    # Their weights are computed in float32.
    with torch.no_grad():
        assert (ours(x) - call(x)).abs().max() < 1e-5 * call(x).abs().max()


def test_their_mhc_is_no_residual_net_at_the_start_and_ours_is():
    fs = [f.double() for f in branches(12)]
    x = data(3, 5, CHANNELS)
    wanted = residual_net(x, fs)
    streams = x.repeat_interleave(N, 0)
    for index, f in enumerate(fs):
        streams = lucidrains.mHC(N, dim=CHANNELS, branch=f, layer_index=index).double()(streams)
    mean = streams.unflatten(0, (-1, N)).mean(1)
    assert (mean - wanted).norm() > 0.2 * wanted.norm()


def test_their_hyper_connection_without_an_index_ignores_the_seed_of_torch():
    """It draws its stream by Python's `random`; ours asks for the layer."""
    found = set()
    for _ in range(40):
        torch.manual_seed(0)
        made = lucidrains.HyperConnections(N, dim=CHANNELS)
        found.add(int(made.static_alpha[:, 0].argmax()))
    assert len(found) > 1
    with pytest.raises(TypeError, match="layer"):
        HyperConnection(branches(1)[0], CHANNELS)
