"""Residual connections to build with: `Residual` and the parts that it takes.

Each file holds one idea with its paper, equation, start and the property that a test holds.
"""

from plusone.nn.join import Join
from plusone.nn.norms import make_norm
from plusone.nn.residual import Residual
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

__all__ = [
    "Concatenation",
    "ConstantScale",
    "ConvProjection",
    "DeepNorm",
    "DeepNormCoefficients",
    "FixupScale",
    "HighwayGate",
    "InitialResidual",
    "Join",
    "LayerNormScaling",
    "LayerScale",
    "LinearProjection",
    "LongSkip",
    "PoolPad",
    "ReZero",
    "Residual",
    "ScalarBias",
    "SkipInit",
    "StochasticDepth",
    "VariancePreserving",
    "deepnorm_coefficients",
    "dense_block",
    "layer_scale_start",
    "linear_schedule",
    "make_norm",
]
