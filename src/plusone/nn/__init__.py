"""Residual connections to build with: `Residual` and the parts that it takes.

Each file holds one idea with its paper, equation, start and the property that a test holds.
"""

from plusone.nn.init.initialize import initialize_
from plusone.nn.init.report import InitReport, Touched
from plusone.nn.join import Join
from plusone.nn.norms import make_norm
from plusone.nn.residual import Residual
from plusone.nn.reversible import ReversibleBlock, ReversibleSequential
from plusone.nn.scales.admin import AdminScale
from plusone.nn.scales.constant import ConstantScale
from plusone.nn.scales.deepnorm import DeepNorm, DeepNormCoefficients, deepnorm_coefficients
from plusone.nn.scales.fixup import FixupScale, ScalarBias
from plusone.nn.scales.layer_scale import LayerScale, layer_scale_start
from plusone.nn.scales.layernorm_scaling import LayerNormScaling
from plusone.nn.scales.rezero import ReZero
from plusone.nn.scales.skipinit import SkipInit
from plusone.nn.scales.variance_preserving import VariancePreserving
from plusone.nn.skips.concatenation import Concatenation, dense_block
from plusone.nn.skips.gated import HighwayGate
from plusone.nn.skips.initial import InitialResidual
from plusone.nn.skips.long import LongSkip
from plusone.nn.skips.pool_pad import PoolPad
from plusone.nn.skips.projection import ConvProjection, LinearProjection
from plusone.nn.stochastic_depth import StochasticDepth, linear_schedule
from plusone.nn.streams import (
    AttentionResiduals,
    BirkhoffMixing,
    DeltaResidual,
    DenseFormer,
    DepthAttention,
    DepthWeightedAverage,
    FreeMixing,
    HyperConnection,
    KroneckerMixing,
    LAuReL,
    ManifoldHyperConnection,
    Mixing,
    MultiStream,
    OrthogonalMixing,
    OrthostochasticMixing,
    SinkhornMixing,
    StreamWeights,
    ValueResidual,
    expand_streams,
    reduce_streams,
    sinkhorn,
)

__all__ = [
    "AdminScale",
    "AttentionResiduals",
    "BirkhoffMixing",
    "Concatenation",
    "ConstantScale",
    "ConvProjection",
    "DeepNorm",
    "DeepNormCoefficients",
    "DeltaResidual",
    "DenseFormer",
    "DepthAttention",
    "DepthWeightedAverage",
    "FixupScale",
    "FreeMixing",
    "HighwayGate",
    "HyperConnection",
    "InitReport",
    "InitialResidual",
    "Join",
    "KroneckerMixing",
    "LAuReL",
    "LayerNormScaling",
    "LayerScale",
    "LinearProjection",
    "LongSkip",
    "ManifoldHyperConnection",
    "Mixing",
    "MultiStream",
    "OrthogonalMixing",
    "OrthostochasticMixing",
    "PoolPad",
    "ReZero",
    "Residual",
    "ReversibleBlock",
    "ReversibleSequential",
    "ScalarBias",
    "SinkhornMixing",
    "SkipInit",
    "StochasticDepth",
    "StreamWeights",
    "Touched",
    "ValueResidual",
    "VariancePreserving",
    "deepnorm_coefficients",
    "dense_block",
    "expand_streams",
    "initialize_",
    "layer_scale_start",
    "linear_schedule",
    "make_norm",
    "reduce_streams",
    "sinkhorn",
]
