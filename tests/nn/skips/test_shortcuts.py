"""Pool and pad, and projections: shapes of any strided branch, and the papers' parameter counts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn import ConvProjection, LinearProjection, PoolPad, Residual, make_norm

SIZES = st.integers(1, 11)


@settings(max_examples=60, deadline=None)
@given(SIZES, SIZES, st.integers(1, 5), st.integers(0, 4), st.integers(1, 4), st.booleans())
def test_both_fit_a_padded_convolution_of_any_stride_and_size(
    height: int, width: int, channels: int, more: int, stride: int, is_mean: bool
) -> None:
    x = torch.randn(2, channels, height, width)
    branch = nn.Conv2d(channels, channels + more, 3, stride, padding=1)
    pool = "mean" if is_mean else "subsample"
    options = {} if not is_mean else {"pool": pool}
    padded = PoolPad(channels, channels + more, stride=stride, **options)
    for skip in (padded, ConvProjection(channels, channels + more, stride=stride)):
        assert skip(x).shape == branch(x).shape
        assert Residual(branch, skip=skip)(x).shape == branch(x).shape
    assert not list(padded.parameters())
    assert not padded(x)[:, channels:].any()
    if not is_mean:
        assert torch.equal(padded(x)[:, :channels], x[:, :, ::stride, ::stride])


def test_the_mean_of_each_cell_counts_only_what_is_there() -> None:
    x = torch.arange(9.0).view(1, 1, 3, 3)
    found = PoolPad(1, 1, stride=2, pool="mean")(x)
    assert found.flatten().tolist() == [2.0, 3.5, 6.5, 8.0]
    assert torch.equal(PoolPad(1, 1)(x), x)


def test_projections_keep_the_second_moment_of_their_input() -> None:
    """Of variance 1/fan-in; He's 2/fan-in would double it."""
    tokens = torch.randn(2000, 200)
    assert LinearProjection(200, 300)(tokens).square().mean().item() == pytest.approx(1, rel=0.05)
    images = torch.randn(20, 200, 6, 6)
    for stride in (1, 2):
        found = ConvProjection(200, 300, stride=stride)(images)
        assert found.square().mean().item() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("num_axes", [1, 2, 3])
def test_projections_are_for_any_number_of_axes_and_take_a_norm(num_axes: int) -> None:
    norm = nn.GroupNorm(2, 8)
    skip = ConvProjection(6, 8, stride=2, norm=norm, num_axes=num_axes)
    x = torch.randn(2, 6, *(5, 6, 7)[:num_axes])
    assert skip(x).shape == (2, 8, *(3, 3, 4)[:num_axes])
    torch.testing.assert_close(skip(x), norm(skip.conv(x)))


class Cifar(nn.Module):
    """The ResNet of section 4.2 with 6n + 2 layers: widths 16, 32 and 64, n blocks each."""

    def __init__(self, n: int, shortcut: str) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        width = 16
        for out, stride in ((16, 1), (32, 2), (64, 2)):
            for number in range(n):
                step = stride if number == 0 else 1
                skip: nn.Module | None = None
                if width != out:
                    padded = PoolPad(width, out, stride=step)
                    norm = nn.BatchNorm2d(out)
                    projected = ConvProjection(width, out, stride=step, norm=norm)
                    skip = padded if shortcut == "A" else projected
                branch = nn.Sequential(
                    nn.Conv2d(width, out, 3, step, 1, bias=False),
                    nn.BatchNorm2d(out),
                    nn.ReLU(),
                    nn.Conv2d(out, out, 3, 1, 1, bias=False),
                    nn.BatchNorm2d(out),
                )
                blocks.extend([Residual(branch, skip=skip), nn.ReLU()])
                width = out
        self.stem = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.norm, self.blocks = nn.BatchNorm2d(16), nn.Sequential(*blocks)
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.blocks(self.norm(self.stem(x)).relu()).mean((2, 3)))
        return out


@pytest.mark.parametrize(
    ("depth", "millions"),
    [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7), (1202, 19.4)],
)
def test_resnets_with_shortcuts_of_option_a_have_the_papers_parameters(
    depth: int, millions: float
) -> None:
    """Table 6 of arXiv 1512.03385, to its digits."""
    with torch.device("meta"):
        net = Cifar((depth - 2) // 6, "A")
        projected = Cifar((depth - 2) // 6, "B")
    count = sum(p.numel() for p in net.parameters())
    digits = 1 if millions > 1 else 2
    assert round(count / 1e6, digits) == millions
    more = sum(p.numel() for p in projected.parameters()) - count
    assert more == 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64


def test_such_a_resnet_runs() -> None:
    assert Cifar(1, "A")(torch.randn(2, 3, 9, 9)).shape == (2, 10)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PoolPad(8, 6), "8 are to become 6; use ConvProjection"),
        (lambda: PoolPad(6, 8, stride=0), "stride is 0; it must be a whole number, 1 or more"),
        (lambda: ConvProjection(6, 8, num_axes=4), "num_axes is 4; it must be one of 1, 2, 3"),
        (lambda: make_norm("batch", 8, num_axes=4), "num_axes is 4; a norm is for 0 to 3 axes"),
        (lambda: PoolPad(6, 8, pool="max"), "pool is 'max'; it must be one of subsample, mean"),
    ],
)
def test_what_does_not_fit_is_refused(build: object, message: str) -> None:
    assert callable(build)
    with pytest.raises(InputError, match=message):
        build()
