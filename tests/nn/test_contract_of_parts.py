"""Every part of the workshop passes the public contract."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.nn import (
    AdminScale,
    Concatenation,
    ConstantScale,
    ConvProjection,
    DeepNorm,
    FixupScale,
    HighwayGate,
    InitialResidual,
    LayerNormScaling,
    LayerScale,
    LinearProjection,
    LongSkip,
    PoolPad,
    Residual,
    ReZero,
    SkipInit,
    StochasticDepth,
    VarianceGate,
    VariancePreserving,
    dense_block,
    make_norm,
)
from plusone.testing import ResidualContract


def branch(width: int = 16, out: int | None = None) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 24), nn.Tanh(), nn.Linear(24, out or width))


def convolution(inputs: int = 6, outputs: int = 6, stride: int = 1) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)


class Tokens(ResidualContract):
    """Blocks on [4, 5, 16]."""

    def inputs(self) -> tuple[object, ...]:
        return (torch.randn(4, 5, 16),)


class Images(ResidualContract):
    """Blocks on [4, 6, 8, 8]."""

    shape: tuple[int, ...] = (4, 6, 8, 8)

    def inputs(self) -> tuple[object, ...]:
        return (torch.randn(4, 6, 8, 8),)

    def expected_shape(self, inputs: tuple[object, ...]) -> tuple[int, ...]:
        return self.shape


class TestPlain(Tokens):
    def build(self) -> nn.Module:
        return Residual(branch())


class TestPreNormWithRowDrop(Tokens):
    def build(self) -> nn.Module:
        return Residual(branch(), norm=nn.LayerNorm(16), drop=0.2)


class TestPostNorm(Tokens):
    def build(self) -> nn.Module:
        return Residual(branch(), norm=nn.RMSNorm(16), placement="post")


class TestSandwichWithBatchDrop(Tokens):
    def build(self) -> nn.Module:
        drop = StochasticDepth(0.2, "batch")
        norm = nn.LayerNorm
        return Residual(branch(), norm=lambda: norm(16), placement="sandwich", drop=drop)


class TestSubsetDrop(Tokens):
    def build(self) -> nn.Module:
        return Residual(branch(), scale=0.5, drop=StochasticDepth(0.5, "subset"))


class TestConstant(Tokens):
    def build(self) -> nn.Module:
        return Residual(branch(), scale=ConstantScale.of_depth(12), drop=0.2)


class TestReZero(Tokens):
    is_identity_at_init = True

    def build(self) -> nn.Module:
        return Residual(branch(), scale=ReZero(), drop=0.2)


class TestSkipInit(Tokens):
    is_identity_at_init = True

    def build(self) -> nn.Module:
        return Residual(branch(), scale=SkipInit())


class TestLayerScale(Tokens):
    def build(self) -> nn.Module:
        return Residual(branch(), norm=nn.LayerNorm(16), scale=LayerScale(16, depth=12), drop=0.2)


class TestLayerScaleOfImages(Images):
    def build(self) -> nn.Module:
        return Residual(convolution(), scale=LayerScale(6, start=0.5, axis=1), drop=0.2)


class TestDeepNorm(Tokens):
    def build(self) -> nn.Module:
        scale = DeepNorm(2.0)
        return Residual(branch(), scale=scale, norm=nn.LayerNorm(16), placement="post", drop=0.2)


class TestAdmin(Tokens):
    def build(self) -> nn.Module:
        scale = AdminScale(16)
        return Residual(branch(), scale=scale, norm=nn.LayerNorm(16), placement="post", drop=0.2)


class TestFixupScale(Tokens):
    is_identity_at_init = True

    def build(self) -> nn.Module:
        made = branch()
        nn.init.zeros_(made[2].weight)
        nn.init.zeros_(made[2].bias)
        return Residual(made, scale=FixupScale(), drop=0.2)


class TestVariancePreserving(Tokens):
    def build(self) -> nn.Module:
        return Residual(branch(), scale=VariancePreserving(0.6), drop=0.2)


class TestVarianceGate(Tokens):
    def build(self) -> nn.Module:
        return Residual(branch(), scale=VarianceGate(16, start=0.3), drop=0.2)


class TestLayerNormScaling(Tokens):
    def build(self) -> nn.Module:
        return Residual(branch(), norm=LayerNormScaling(nn.LayerNorm(16), layer=4))


class TestHighway(Tokens):
    def build(self) -> nn.Module:
        return Residual(branch(), skip=HighwayGate(16))


class TestHighwayOfImages(Images):
    def build(self) -> nn.Module:
        return Residual(convolution(), skip=HighwayGate(6, axis=1))


class TestLinearProjection(Tokens):
    def build(self) -> nn.Module:
        return Residual(branch(16, 10), skip=LinearProjection(16, 10))

    def expected_shape(self, inputs: tuple[object, ...]) -> tuple[int, ...]:
        return (4, 5, 10)


class TestConvProjection(Images):
    shape = (4, 10, 4, 4)

    def build(self) -> nn.Module:
        skip = ConvProjection(6, 10, stride=2, norm=nn.GroupNorm(2, 10))
        return Residual(convolution(6, 10, 2), skip=skip, scale=0.5)


class TestPoolPad(Images):
    shape = (4, 10, 4, 4)

    def build(self) -> nn.Module:
        return Residual(convolution(6, 10, 2), skip=PoolPad(6, 10, stride=2), drop=0.2)


class TestPoolPadOfMeans(Images):
    shape = (4, 10, 4, 4)

    def build(self) -> nn.Module:
        return Residual(convolution(6, 10, 2), skip=PoolPad(6, 10, stride=2, pool="mean"))


class TestDense(Images):
    shape = (4, 14, 8, 8)

    def build(self) -> nn.Module:
        return dense_block([convolution(6, 4), convolution(10, 4)])


class TestConcatenationOfTokens(Tokens):
    def build(self) -> nn.Module:
        return Residual(branch(16, 3), skip=Concatenation(-1))

    def expected_shape(self, inputs: tuple[object, ...]) -> tuple[int, ...]:
        return (4, 5, 19)


def down_and_up() -> nn.Module:
    return nn.Sequential(nn.Conv2d(6, 8, 2, 2), nn.Tanh(), nn.ConvTranspose2d(8, 6, 2, 2))


class TestLongSkip(Images):
    shape = (4, 12, 8, 8)

    def build(self) -> nn.Module:
        return LongSkip(down_and_up())


class TestAddedLongSkip(Images):
    def build(self) -> nn.Module:
        return LongSkip(down_and_up(), join=ConstantScale(1))


class TestGroupNorm(Images):
    def build(self) -> nn.Module:
        return Residual(convolution(), norm=make_norm("group", 6, num_axes=2, num_groups=4))


class TestLayerNormOfImages(Images):
    def build(self) -> nn.Module:
        return Residual(convolution(), norm=make_norm("layer", 6, num_axes=2))


class TestBatchNorm(Images):
    def build(self) -> nn.Module:
        return Residual(convolution(), norm=make_norm("batch", 6, num_axes=2))


class Mean(nn.Module):
    """Half of each node, half of its neighbours in a ring; axis -2 holds the nodes."""

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * x + 0.25 * (x.roll(1, -2) + x.roll(-1, -2))


class TestInitialResidual(Tokens):
    def build(self) -> nn.Module:
        return InitialResidual(Mean(), 16, layer=2)

    def inputs(self) -> tuple[object, ...]:
        return torch.randn(4, 5, 16), torch.randn(4, 5, 16)
