"""Residual nets with several streams, and skips that reach back over many blocks.

One file an idea, each with its paper, equation and initial values.
"""

from plusone.nn.streams.hyper_connection import HyperConnection
from plusone.nn.streams.layout import expand_streams, reduce_streams
from plusone.nn.streams.manifold_hyper_connection import ManifoldHyperConnection
from plusone.nn.streams.mixing import (
    BirkhoffMixing,
    FreeMixing,
    KroneckerMixing,
    Mixing,
    OrthogonalMixing,
    OrthostochasticMixing,
    SinkhornMixing,
)
from plusone.nn.streams.multi_stream import MultiStream, StreamWeights
from plusone.nn.streams.sinkhorn import sinkhorn

__all__ = [
    "BirkhoffMixing",
    "FreeMixing",
    "HyperConnection",
    "KroneckerMixing",
    "ManifoldHyperConnection",
    "Mixing",
    "MultiStream",
    "OrthogonalMixing",
    "OrthostochasticMixing",
    "SinkhornMixing",
    "StreamWeights",
    "expand_streams",
    "reduce_streams",
    "sinkhorn",
]
