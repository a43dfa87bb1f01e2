"""Residual connections to build with: `Residual` and the parts that it takes.

Each file holds one idea with its paper, equation, start and the property that a test holds.
"""

from plusone.nn.init.initialize import initialize_
from plusone.nn.init.report import InitReport, Touched
from plusone.nn.integrators import RK4, Euler, Heun, Integrator, refined
from plusone.nn.join import Join
from plusone.nn.multigrid import Solution, VCycle
from plusone.nn.norms import make_norm
from plusone.nn.residual import Residual
from plusone.nn.reversible import ReversibleBlock, ReversibleSequential
from plusone.nn.scales.admin import AdminScale
from plusone.nn.scales.constant import ConstantScale
from plusone.nn.scales.deepnorm import DeepNorm, DeepNormCoefficients, deepnorm_coefficients
from plusone.nn.scales.fixup import FixupScale, ScalarBias
from plusone.nn.scales.layer_scale import LayerScale, layer_scale_start
from plusone.nn.scales.layernorm_scaling import LayerNormScaling
from plusone.nn.scales.mean_split import MeanSplit
from plusone.nn.scales.orthogonal_update import OrthogonalUpdate
from plusone.nn.scales.rezero import ReZero
from plusone.nn.scales.skipinit import SkipInit
from plusone.nn.scales.spherical import SphericalStep
from plusone.nn.scales.variance_gate import VarianceGate
from plusone.nn.scales.variance_preserving import VariancePreserving
from plusone.nn.skips.concatenation import Concatenation, dense_block
from plusone.nn.skips.gated import HighwayGate
from plusone.nn.skips.gru_gate import GRUGate
from plusone.nn.skips.initial import InitialResidual
from plusone.nn.skips.long import LongSkip
from plusone.nn.skips.pool_pad import PoolPad
from plusone.nn.skips.projection import ConvProjection, LinearProjection
from plusone.nn.stochastic_depth import StochasticDepth, linear_schedule
from plusone.nn.streams import (
    AlternatingUpdate,
    AttentionResiduals,
    BirkhoffMixing,
    DeltaResidual,
    DenseFormer,
    DepthAttention,
    DepthWeightedAverage,
    DynamicDense,
    FracConnection,
    FreeMixing,
    HyperConnection,
    KroneckerMixing,
    LAuReL,
    ManifoldHyperConnection,
    Mixing,
    MUDDFormer,
    MultiStream,
    OrthogonalMixing,
    OrthostochasticMixing,
    ResiDual,
    SinkhornMixing,
    StreamWeights,
    ValueResidual,
    expand_streams,
    reduce_streams,
    sinkhorn,
)

__all__ = [
    "RK4",
    "AdminScale",
    "AlternatingUpdate",
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
    "DynamicDense",
    "Euler",
    "FixupScale",
    "FracConnection",
    "FreeMixing",
    "GRUGate",
    "Heun",
    "HighwayGate",
    "HyperConnection",
    "InitReport",
    "InitialResidual",
    "Integrator",
    "Join",
    "KroneckerMixing",
    "LAuReL",
    "LayerNormScaling",
    "LayerScale",
    "LinearProjection",
    "LongSkip",
    "MUDDFormer",
    "ManifoldHyperConnection",
    "MeanSplit",
    "Mixing",
    "MultiStream",
    "OrthogonalMixing",
    "OrthogonalUpdate",
    "OrthostochasticMixing",
    "PoolPad",
    "ReZero",
    "ResiDual",
    "Residual",
    "ReversibleBlock",
    "ReversibleSequential",
    "ScalarBias",
    "SinkhornMixing",
    "SkipInit",
    "Solution",
    "SphericalStep",
    "StochasticDepth",
    "StreamWeights",
    "Touched",
    "VCycle",
    "ValueResidual",
    "VarianceGate",
    "VariancePreserving",
    "deepnorm_coefficients",
    "dense_block",
    "expand_streams",
    "initialize_",
    "layer_scale_start",
    "linear_schedule",
    "make_norm",
    "reduce_streams",
    "refined",
    "sinkhorn",
]
