"""How much of a picture's detail reaches the output, on nets whose answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.capture.eager import record
from plusone.graph.skipgraph import find_skips
from plusone.nn.models.unet import UNet
from plusone.records import Passage


def detail(net: nn.Module, *shape: int) -> Passage | None:
    return find_skips(record(net, (torch.randn(shape or (2, 3, 32, 32)),), {}).trace).detail


def ratio(net: nn.Module, *shape: int) -> float:
    found = detail(net, *shape)
    assert found is not None
    return float(found.value)


def down(levels: int, width: int = 8) -> nn.Sequential:
    """Convolutions that halve the picture `levels` times."""
    layers = [nn.Conv2d(3 if k == 0 else width, width, 3, 2, 1) for k in range(levels)]
    return nn.Sequential(*layers)


def up(levels: int, width: int = 8) -> nn.Sequential:
    doubled = (nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, 1, 1)),)
    return nn.Sequential(*(doubled * levels), nn.Conv2d(width, 2, 1))


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_without_skips_each_level_halves_the_resolution(levels: int) -> None:
    net = UNet(2, num_channels=3, width=4, num_levels=levels, skips="none")
    assert ratio(net) == pytest.approx(2.0**-levels)


@pytest.mark.parametrize("skips", ["concat", "add"])
def test_the_finest_skip_keeps_all(skips: str) -> None:
    assert ratio(UNet(2, num_channels=3, width=4, num_levels=4, skips=skips)) == 1.0  # type: ignore[arg-type]


def test_the_place_is_the_first_layer_that_is_too_coarse() -> None:
    found = detail(nn.Sequential(down(3), up(3)))
    assert found is not None
    assert found.where == "0.2"
    assert (found.size, found.needed) == (16, 1024)


def test_three_axes_count_like_two() -> None:
    net = nn.Sequential(
        nn.Conv3d(1, 4, 4, 4), nn.Upsample(scale_factor=4), nn.Conv3d(4, 2, 3, padding=1)
    )
    assert ratio(net, 2, 1, 16, 16, 16) == pytest.approx(1 / 4)


class Gated(nn.Module):
    """A full-resolution way with a squeeze-and-excite gate, and a coarse one."""

    def __init__(self, *, is_fine: bool) -> None:
        super().__init__()
        self.fine = nn.Conv2d(3, 8, 3, padding=1)
        self.gate = nn.Linear(8, 8)
        self.coarse = nn.Sequential(down(3), up(3))
        self.is_fine = is_fine
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.fine(x)
        g = torch.sigmoid(self.gate(h.mean((2, 3))))
        gated: Tensor = self.head(h * g[:, :, None, None])
        return gated if self.is_fine else self.coarse(x) * g[:, :2, None, None]


def test_a_global_gate_neither_closes_a_path_nor_is_one() -> None:
    assert ratio(Gated(is_fine=True)) == 1.0
    assert ratio(Gated(is_fine=False)) == pytest.approx(1 / 8)


class Shuffled(nn.Module):
    """Down by eight, and up by a pixel shuffle of enough channels, or of too few."""

    def __init__(self, width: int, *, by_views: bool = False) -> None:
        super().__init__()
        self.down = down(3, width)
        self.wide = nn.Conv2d(width, 2 * 64, 1)
        self.by_views = by_views

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.wide(self.down(x))
        if not self.by_views:
            return F.pixel_shuffle(h, 8)
        n, _, height, width = h.shape
        parts = h.view(n, 2, 8, 8, height, width).permute(0, 1, 4, 2, 5, 3)
        return parts.reshape(n, 2, 8 * height, 8 * width)


@pytest.mark.parametrize("by_views", [False, True])
def test_resolution_may_sit_in_the_channels(by_views: bool) -> None:
    assert ratio(Shuffled(64, by_views=by_views)) == 1.0
    assert ratio(Shuffled(16, by_views=by_views)) == pytest.approx(1 / 2)


def test_super_resolution_is_measured_against_its_input() -> None:
    net = nn.Sequential(nn.Conv2d(3, 48, 3, padding=1), nn.PixelShuffle(4))
    assert ratio(net) == 1.0
    interpolated = nn.Sequential(nn.Upsample(scale_factor=4), nn.Conv2d(3, 3, 3, padding=1))
    assert ratio(interpolated) == 1.0


@pytest.mark.parametrize("width", [192, 16, 4])
def test_a_transposed_convolution_by_a_patch_unfolds_as_a_pixel_shuffle_does(width: int) -> None:
    packed = nn.Conv2d(3, width, 8, 8)
    unpacked = nn.ConvTranspose2d(width, 4, 8, 8)
    shuffled = nn.Sequential(nn.Conv2d(width, 4 * 64, 1), nn.PixelShuffle(8))
    for end in (unpacked, shuffled):
        assert ratio(nn.Sequential(packed, end)) == pytest.approx(min(1.0, width**0.5 / 8))
    doubled = [nn.ConvTranspose2d(width, width, 2, 2) for _ in range(3)]
    assert ratio(nn.Sequential(packed, *doubled)) == pytest.approx(1 / 8)


class Patches(nn.Module):
    """Tokens of 8 x 8 patches, mixed, and put together to a picture."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.into = nn.Linear(3 * 64, width)
        self.mix = nn.TransformerEncoderLayer(width, 2, width, batch_first=True)
        self.out = nn.Linear(width, 2 * 64)

    def forward(self, x: Tensor) -> Tensor:
        n, c, height, width = x.shape
        rows, columns = height // 8, width // 8
        parts = x.view(n, c, rows, 8, columns, 8).permute(0, 2, 4, 3, 5, 1)
        h = self.out(self.mix(self.into(parts.reshape(n, rows * columns, -1))))
        whole = h.view(n, rows, columns, 8, 8, 2).permute(0, 5, 1, 3, 2, 4)
        return whole.reshape(n, 2, height, width)


def test_tokens_that_are_put_together_count_by_their_width() -> None:
    assert ratio(Patches(64)) == 1.0
    assert ratio(Patches(4)) == pytest.approx(2 / 8)


class Coded(nn.Module):
    """A picture through one vector."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.into = nn.Linear(3 * 1024, size)
        self.out = nn.Linear(size, 8 * 64)
        self.up = up(2)

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.out(torch.relu(self.into(x.flatten(1))))
        out: Tensor = self.up(torch.relu(h).view(-1, 8, 8, 8))
        return out


def test_a_flat_code_counts_by_its_numbers() -> None:
    assert ratio(Coded(16)) == pytest.approx((16 / 1024) ** 0.5)
    assert ratio(Coded(512)) == pytest.approx(1 / 4)


def test_a_pooled_vector_holds_one_position() -> None:
    net = nn.Sequential(down(2), nn.AdaptiveAvgPool2d(1), nn.Upsample(scale_factor=32), up(0))
    assert ratio(net) == pytest.approx(1 / 32)


class Unpooled(nn.Module):
    """SegNet: the places of the maxima lead the way up."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.last = nn.Conv2d(4, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h, places = F.max_pool2d(self.first(x), 8, return_indices=True)
        out: Tensor = self.last(F.max_unpool2d(h, places, 8))
        return out


def test_unpooling_by_the_places_of_maxima_keeps_them() -> None:
    assert ratio(Unpooled()) == 1.0


def test_channels_last_pictures_count_like_others() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(down(3), up(3))

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.net(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            return out

    assert ratio(Last(), 2, 32, 32, 3) == pytest.approx(1 / 8)


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(down(3), nn.Flatten(), nn.Linear(128, 10)),
        nn.Sequential(down(3)),
        nn.Sequential(nn.Conv1d(3, 4, 3), nn.AdaptiveAvgPool1d(1)),
    ],
    ids=["classifier", "features at an eighth", "signal to a number"],
)
def test_outputs_of_another_size_ask_for_no_detail(net: nn.Module) -> None:
    shape = (2, 3, 32) if isinstance(net[0], nn.Conv1d) else (2, 3, 32, 32)
    assert detail(net, *shape) is None
