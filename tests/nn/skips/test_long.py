"""Concatenation and long skips: nothing is lost, and DenseNets have the published parameters."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn import Concatenation, ConstantScale, LongSkip, Residual, dense_block


def conv(inputs: int, growth: int) -> nn.Module:
    return nn.Conv2d(inputs, growth, 3, padding=1)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 5))
def test_a_dense_block_keeps_its_input_first_and_grows_by_k(k0: int, k: int, depth: int) -> None:
    layers = [conv(k0 + k * number, k) for number in range(depth)]
    block, x = dense_block(layers), torch.randn(2, k0, 4, 4)
    y = block(x)
    assert y.shape[1] == k0 + k * depth
    assert torch.equal(y[:, :k0], x)
    states = [x]
    for layer in layers:  # equation 2: each layer reads all before it
        states.append(layer(torch.cat(states, 1)))
    assert torch.equal(y, torch.cat(states, 1))


class DenseNet(nn.Module):
    """For CIFAR: three blocks; "BC" has bottlenecks of 4k channels and halves between blocks."""

    def __init__(self, depth: int, k: int, *, is_bc: bool) -> None:
        super().__init__()
        num_layers = (depth - 4) // (6 if is_bc else 3)
        width = 2 * k if is_bc else 16
        parts: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1, bias=False)]
        for number in range(3):
            layers = [self._layer(width + k * i, k, is_bc=is_bc) for i in range(num_layers)]
            parts.append(dense_block(layers))
            width += k * num_layers
            if number < 2:
                out = width // 2 if is_bc else width
                convolution = nn.Conv2d(width, out, 1, bias=False)
                parts.extend([nn.BatchNorm2d(width), nn.ReLU(), convolution, nn.AvgPool2d(2)])
                width = out
        self.features = nn.Sequential(*parts, nn.BatchNorm2d(width), nn.ReLU())
        self.head = nn.Linear(width, 10)

    @staticmethod
    def _layer(width: int, k: int, *, is_bc: bool) -> nn.Module:
        if not is_bc:
            convolution = nn.Conv2d(width, k, 3, padding=1, bias=False)
            return nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), convolution)
        return nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 4 * k, 1, bias=False),
            nn.BatchNorm2d(4 * k),
            nn.ReLU(),
            nn.Conv2d(4 * k, k, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.features(x).mean((2, 3)))
        return out


@pytest.mark.parametrize(
    ("depth", "k", "is_bc", "millions"),
    [
        (40, 12, False, 1.0),
        (100, 12, False, 7.0),
        (100, 24, False, 27.2),
        (100, 12, True, 0.8),
        (250, 24, True, 15.3),
        (190, 40, True, 25.6),
    ],
)
def test_densenets_have_the_papers_parameters(
    depth: int, k: int, is_bc: bool, millions: float
) -> None:
    """Table 2 of arXiv 1608.06993, whose third row cuts the last digit: 27.249 millions."""
    with torch.device("meta"):
        net = DenseNet(depth, k, is_bc=is_bc)
    assert round(sum(p.numel() for p in net.parameters()) / 1e6, 1) == millions


def down_and_up() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 5, 2, 2), nn.ReLU(), nn.ConvTranspose2d(5, 4, 2, 2))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 13), st.integers(2, 13))
def test_a_long_skip_holds_its_input_bit_by_bit_at_any_size(height: int, width: int) -> None:
    x = torch.randn(2, 3, height, width)
    y = LongSkip(down_and_up())(x)
    assert y.shape == (2, 7, height, width)
    assert torch.equal(y[:, :3], x)


def test_cropped_it_holds_the_middle_of_its_input() -> None:
    x = torch.randn(2, 3, 9, 8)
    y = LongSkip(nn.Conv2d(3, 4, 4), fit="crop")(x)
    assert y.shape == (2, 7, 6, 5)
    assert torch.equal(y[:, :3], x[:, :, 1:7, 1:6])
    with pytest.raises(InputError, match="cannot be cropped to .11, 10.; use fit='interpolate'"):
        LongSkip(nn.ConvTranspose2d(3, 4, 3), fit="crop")(x)


def test_added_instead_of_concatenated_and_put_into_each_other() -> None:
    x = torch.randn(2, 3, 9, 9)
    inner = nn.Conv2d(3, 3, 3, padding=1)
    torch.testing.assert_close(LongSkip(inner, join=ConstantScale(1))(x), x + inner(x))
    deep = LongSkip(nn.Conv2d(4, 4, 3, padding=1))
    whole = LongSkip(nn.Sequential(nn.Conv2d(3, 4, 2, 2), deep, nn.ConvTranspose2d(8, 4, 2, 2)))
    assert whole(x).shape == (2, 7, 9, 9)


def test_a_fit_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="fit is 'pad'; it must be one of interpolate, crop"):
        LongSkip(nn.Identity(), fit="pad")  # type: ignore[arg-type]


def test_tokens_are_concatenated_along_the_last_axis() -> None:
    x, branch = torch.randn(2, 5, 3), nn.Linear(3, 4)
    y = Residual(branch, skip=Concatenation(-1))(x)
    assert torch.equal(y, torch.cat([x, branch(x)], -1))
