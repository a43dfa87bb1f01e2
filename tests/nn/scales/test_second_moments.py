"""The stream's second moment over 200 blocks, each method as its paper derives it.

Branches are random linear maps that keep the second moment, so all expectations are exact; what is
left is the draw of the weights, of order sqrt(L) / width.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from nn.nets import second_moment, unit_linear
from plusone.nn import (
    AdminScale,
    ConstantScale,
    DeepNorm,
    HighwayGate,
    Join,
    LayerNormScaling,
    LayerScale,
    Residual,
    ReZero,
    SkipInit,
    VarianceGate,
    VariancePreserving,
)

WIDTH, DEPTH = 256, 200


def net(scale: Callable[[int], Join | float | None], **options: object) -> nn.Sequential:
    """Blocks 1 to DEPTH, with `scale(layer)` and options that may be functions of the layer."""
    return nn.Sequential(
        *(
            Residual(
                unit_linear(WIDTH),
                scale=scale(layer),
                **{k: v(layer) if callable(v) else v for k, v in options.items()},
            )
            for layer in range(1, DEPTH + 1)
        )
    )


def norm(_: int) -> nn.Module:
    return nn.LayerNorm(WIDTH)


def scaled_norm(layer: int) -> nn.Module:
    return LayerNormScaling(nn.LayerNorm(WIDTH), layer)


def none(_: int) -> None:
    return None


HARMONIC = sum(1 / layer for layer in range(1, DEPTH + 1))
LAWS = {
    "pre-norm: 1 + L": (lambda: net(none, norm=norm), 1 + DEPTH),
    "1/sqrt(L), normed: 2": (lambda: net(lambda _: ConstantScale.of_depth(DEPTH), norm=norm), 2),
    "1/sqrt(L), not normed: (1 + 1/L)^L": (
        lambda: net(lambda _: ConstantScale.of_depth(DEPTH)),
        (1 + 1 / DEPTH) ** DEPTH,
    ),
    "constant 0.1, normed: 1 + L/100": (lambda: net(lambda _: 0.1, norm=norm), 1 + DEPTH / 100),
    "SkipInit at 1/sqrt(L), normed: 2": (
        lambda: net(lambda _: SkipInit.of_depth(DEPTH), norm=norm),
        2,
    ),
    "SkipInit at 0: 1": (lambda: net(lambda _: SkipInit()), 1),
    "ReZero: 1": (lambda: net(lambda _: ReZero()), 1),
    "LayerScale at 0.1: 1 + L/100": (
        lambda: net(lambda _: LayerScale(WIDTH, depth=18), norm=norm),
        1 + DEPTH / 100,
    ),
    "LayerScale beyond 24 layers: 1": (
        lambda: net(lambda _: LayerScale(WIDTH, depth=36), norm=norm),
        1,
    ),
    "LayerNorm scaling: 1 + sum 1/l": (lambda: net(none, norm=scaled_norm), 1 + HARMONIC),
    "variance preserving, beta 0.5, normed: 1": (
        lambda: net(lambda _: VariancePreserving(0.5), norm=norm),
        1,
    ),
    "variance preserving by layer, normed: 1": (
        lambda: net(VariancePreserving.at_layer, norm=norm),
        1,
    ),
    "variance gate, normed: 1": (
        lambda: net(lambda _: VarianceGate(WIDTH, start=0.4), norm=norm),
        1,
    ),
    "post-norm: 1": (lambda: net(none, norm=norm, placement="post"), 1),
    "sandwich: 1 + L": (lambda: net(none, norm=norm, placement="sandwich"), 1 + DEPTH),
    "DeepNorm: 1": (lambda: net(lambda _: DeepNorm(3.0), norm=norm, placement="post"), 1),
    "Admin: 1": (lambda: net(lambda _: AdminScale(WIDTH), norm=norm, placement="post"), 1),
}


@pytest.mark.parametrize("law", list(LAWS))
def test_the_streams_second_moment_after_200_blocks(law: str) -> None:
    build, expected = LAWS[law]
    assert second_moment(build(), WIDTH) == pytest.approx(expected, rel=0.1)


def test_without_a_scale_or_a_norm_it_doubles_at_each_block() -> None:
    found = second_moment(net(none), WIDTH)
    assert math.log2(found) == pytest.approx(DEPTH, rel=0.02)


def test_a_closed_highway_gate_keeps_the_stream_nearly_as_it_was() -> None:
    """At bias -6 a block moves the stream by about sigmoid(-6) = 0.0025 of the branch."""
    blocks = nn.Sequential(
        *(Residual(unit_linear(WIDTH), skip=HighwayGate(WIDTH, bias=-6.0)) for _ in range(DEPTH))
    )
    assert 0.2 < second_moment(blocks, WIDTH) < 1.2


@pytest.mark.parametrize(("is_scaled", "layer"), [(False, 64), (True, 64), (True, 200)])
def test_layernorm_scaling_moves_late_blocks_nearer_to_the_identity(
    is_scaled: bool, layer: int
) -> None:
    """|J - I| / sqrt(n) is 1/sqrt(l q_l), q_l the stream's moment before: see the module's text."""
    blocks = net(none, norm=scaled_norm if is_scaled else norm).double()
    x = torch.randn(WIDTH, dtype=torch.float64)
    with torch.no_grad():
        stream = blocks[: layer - 1](x)
    jacobian = torch.func.jacrev(blocks[layer - 1])(stream)
    off = torch.linalg.matrix_norm(jacobian - torch.eye(WIDTH)) / math.sqrt(WIDTH)
    moment = 1 + sum(1 / k if is_scaled else 1 for k in range(1, layer))
    expected = 1 / math.sqrt(moment * (layer if is_scaled else 1))
    assert float(off.detach()) == pytest.approx(expected, rel=0.1)
