"""Residual nets with several streams, and skips that reach back over many blocks.

One file an idea, each with its paper, equation and initial values.
"""

from plusone.nn.streams.alternating_updates import AlternatingUpdate
from plusone.nn.streams.delta import DeltaResidual
from plusone.nn.streams.depth_attention import AttentionResiduals, DepthAttention
from plusone.nn.streams.depth_average import DenseFormer, DepthWeightedAverage
from plusone.nn.streams.dynamic_dense import DynamicDense, MUDDFormer
from plusone.nn.streams.frac_connection import FracConnection
from plusone.nn.streams.hyper_connection import HyperConnection
from plusone.nn.streams.laurel import LAuReL
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
from plusone.nn.streams.residual_dual import ResiDual
from plusone.nn.streams.sinkhorn import sinkhorn
from plusone.nn.streams.value_residual import ValueResidual

__all__ = [
    "AlternatingUpdate",
    "AttentionResiduals",
    "BirkhoffMixing",
    "DeltaResidual",
    "DenseFormer",
    "DepthAttention",
    "DepthWeightedAverage",
    "DynamicDense",
    "FracConnection",
    "FreeMixing",
    "HyperConnection",
    "KroneckerMixing",
    "LAuReL",
    "MUDDFormer",
    "ManifoldHyperConnection",
    "Mixing",
    "MultiStream",
    "OrthogonalMixing",
    "OrthostochasticMixing",
    "ResiDual",
    "SinkhornMixing",
    "StreamWeights",
    "ValueResidual",
    "expand_streams",
    "reduce_streams",
    "sinkhorn",
]
