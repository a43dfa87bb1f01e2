"""Highway's gate: the formula, between skip and branch, and closed it is the identity."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nn.nets import mlp
from plusone.nn import HighwayGate, Residual


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.floats(-6, 6), st.integers(0, 2**31))
def test_the_output_lies_between_skip_and_branch(channels: int, bias: float, seed: int) -> None:
    torch.manual_seed(seed)
    gate = HighwayGate(channels, bias=bias).double()
    skip, branch = torch.randn(2, 7, channels, dtype=torch.float64)
    y = gate(skip, branch)
    assert (y >= torch.minimum(skip, branch) - 1e-12).all()
    assert (y <= torch.maximum(skip, branch) + 1e-12).all()
    opening = torch.sigmoid(skip @ gate.gate.weight.T + gate.gate.bias)
    torch.testing.assert_close(y, opening * branch + (1 - opening) * skip, rtol=0, atol=1e-12)


def test_a_closed_gate_is_the_identity_bit_by_bit_and_so_is_its_jacobian() -> None:
    block = Residual(mlp(6, 2), skip=HighwayGate(6, bias=-math.inf))
    x = torch.randn(5, 6)
    assert torch.equal(block(x), x)
    assert torch.equal(torch.func.jacrev(block)(x[0]), torch.eye(6))
    nn.init.constant_(block.join.gate.bias, math.inf)
    torch.testing.assert_close(block(x), block.branch(x))


@pytest.mark.parametrize(("bias", "share"), [(-1.0, 0.269), (-2.0, 0.119), (-4.0, 0.018)])
def test_the_papers_biases_carry_most_of_the_input(bias: float, share: float) -> None:
    """The gate's mean opening is near sigmoid(bias), so that 1 minus it of x is carried."""
    gate = HighwayGate(64, bias=bias)
    x = 0.1 * torch.randn(500, 64)
    opening = (gate(x, x + 1) - x).mean().item()
    assert opening == pytest.approx(share, rel=0.05)


def test_the_gate_of_images_is_that_of_each_position() -> None:
    of_tokens, of_images = HighwayGate(6), HighwayGate(6, axis=1)
    of_images.load_state_dict(of_tokens.state_dict())
    skip, branch = torch.randn(2, 3, 6, 4, 5)
    tokens = of_tokens(skip.movedim(1, -1), branch.movedim(1, -1)).movedim(-1, 1)
    torch.testing.assert_close(of_images(skip, branch), tokens)
