"""U-Net: down to few places, up again, and at each level a long skip across.

Ronneberger et al. 2015 (arXiv 1505.04597, figure 1): at each level two 3x3 convolutions with ReLU;
down by the maximum over 2 x 2 places, up by a 2x2 convolution of stride 2 that halves the channels;
channels double from level to level. Skips are concatenated, or added as in LinkNet (arXiv
1707.03718). Here convolutions keep the size, and a norm may follow each. Weights: variance
2/fan-in, as in the paper's section 3.

Test: 23 convolutions at the paper's 4 levels, 31.03 million parameters; one skip a level; the twin
of added skips has the same parameters.
"""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.join import Join, checked_count
from plusone.nn.models.branch_only import BranchOnly
from plusone.nn.models.resnet import check_images, zero_bias
from plusone.nn.norms import NormName, make_norm
from plusone.nn.scales.constant import ConstantScale
from plusone.nn.skips.concatenation import Concatenation
from plusone.nn.skips.long import LongSkip

LongSkips = Literal["concat", "add", "none"]


class UNet(nn.Module):
    """`forward(images [N, num_channels, H, W])` to a map [N, num_outputs, H, W].

    `width` is the number of channels at the top, 64 in the paper, `num_levels` how often the size
    is halved. Sizes that are odd somewhere on the way are doubled and then interpolated.

    Raises:
        InputError: no level, or unknown skips.
    """

    def __init__(
        self,
        num_outputs: int = 1,
        *,
        num_channels: int = 1,
        width: int = 64,
        num_levels: int = 4,
        skips: LongSkips = "concat",
        norm: NormName | None = None,
    ) -> None:
        super().__init__()
        checked_count(num_levels, "num_levels")
        if skips not in get_args(LongSkips):
            names = ", ".join(get_args(LongSkips))
            raise InputError(f"skips is {skips!r}; it must be one of {names}.")
        self.num_channels = num_channels
        self.num_levels = num_levels
        bottom = width * 2**num_levels
        inner: nn.Module = _two_convolutions(bottom // 2, bottom, norm)
        for level in reversed(range(num_levels)):
            channels = width * 2**level
            down_up = nn.Sequential(nn.MaxPool2d(2), inner, _up(2 * channels))
            inner = nn.Sequential(
                _two_convolutions(channels // 2 if level else num_channels, channels, norm),
                LongSkip(down_up, join=_join(skips)),
                _two_convolutions(2 * channels if skips == "concat" else channels, channels, norm),
            )
        self.levels = inner
        self.head = nn.Conv2d(width, num_outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Raises:
        InputError: `images` is no [N, num_channels, H, W], or too small to be halved so often.
        """
        check_images(images, self.num_channels)
        if min(images.shape[2:]) < 2**self.num_levels:
            raise InputError(
                f"{self.num_levels} levels halve images of {2**self.num_levels} places a side or "
                f"more; got shape {tuple(images.shape)}."
            )
        found: Tensor = self.head(self.levels(images))
        return found


def _join(skips: LongSkips) -> Join:
    if skips == "concat":
        return Concatenation(1)
    return ConstantScale(1.0) if skips == "add" else BranchOnly()


def _up(num_inputs: int) -> nn.ConvTranspose2d:
    """2x2 places from each one, half the channels; each output place has one of num_inputs taps."""
    layer = nn.ConvTranspose2d(num_inputs, num_inputs // 2, 2, stride=2)
    nn.init.normal_(layer.weight, std=(2 / num_inputs) ** 0.5)
    zero_bias(layer)
    return layer


def _two_convolutions(num_inputs: int, num_outputs: int, norm: NormName | None) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (num_inputs, num_outputs):
        layer = nn.Conv2d(channels, num_outputs, 3, padding=1)
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        zero_bias(layer)
        layers.append(layer)
        if norm is not None:
            layers.append(make_norm(norm, num_outputs, num_axes=2))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)
