"""Every multi-stream block passes the public contract."""

import torch

from plusone.nn.streams import HyperConnection, ManifoldHyperConnection
from plusone.testing import ResidualContract

from .nets import CHANNELS, branches


class Streams(ResidualContract):
    def inputs(self):
        return (torch.randn(2, 5, 4, CHANNELS),)


class TestHyperConnection(Streams):
    def build(self):
        return HyperConnection(branches(1, eps=1e-5)[0], CHANNELS, layer=1)


class TestStaticHyperConnection(Streams):
    def build(self):
        return HyperConnection(branches(1, eps=1e-5)[0], CHANNELS, layer=1, dynamic=False)


class Manifold(Streams):
    mixing = "sinkhorn"
    packed_parameters = ("bias", "projection", "scale")

    def build(self):
        branch = branches(1, eps=1e-5)[0]
        return ManifoldHyperConnection(branch, CHANNELS, layer=1, mixing=self.mixing)


class TestSinkhorn(Manifold):
    pass


class TestBirkhoff(Manifold):
    mixing = "birkhoff"


class TestKronecker(Manifold):
    mixing = "kronecker"


class TestOrthostochastic(Manifold):
    mixing = "orthostochastic"


class TestOrthogonal(Manifold):
    mixing = "orthogonal"


class TestFree(Manifold):
    mixing = "free"


class TestIdentityMixing(Manifold):
    mixing = "identity"


class TestStaticManifold(Streams):
    def build(self):
        branch = branches(1, eps=1e-5)[0]
        return ManifoldHyperConnection(branch, CHANNELS, layer=1, dynamic=False, init="identity")
