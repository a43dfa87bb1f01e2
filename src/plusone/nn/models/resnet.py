"""ResNets for small images, and their plain twins.

He et al. 2016 (arXiv 1512.03385, section 4.2): a 3x3 convolution, then 3 stages of n blocks of two
3x3 convolutions with 16, 32 and 64 channels on 32, 16 and 8 places a side, mean over places, one
linear layer: 6n + 2 layers with weights. A block is relu(skip(x) + f(x)), f = BN W2 relu(BN W1 x).
Where a stage begins, the skip is their option A (every second place, zeros for new channels) or a
projection (option B). Weights: He et al. 2015, variance 2/fan-in; they are drawn before skips are
known, so that the twin has the same.

Test: the paper's parameter counts (table 6): 0.27, 0.46, 0.66, 0.85 and 1.7 million; 3n skips.
"""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.join import checked_count
from plusone.nn.models.branch_only import joined_by
from plusone.nn.models.checks import check_axes
from plusone.nn.residual import Residual
from plusone.nn.skips.pool_pad import PoolPad
from plusone.nn.skips.projection import ConvProjection

Shortcut = Literal["pool-pad", "projection"]
WIDTHS = (16, 32, 64)


class ResNet(nn.Module):
    """`forward(images [N, num_channels, H, W])` to logits [N, num_classes]; H and W are free.

    `num_blocks` is n, for each stage: 3 gives ResNet-20, 9 ResNet-56, 18 ResNet-110. Without skips
    it is the paper's plain net. `widths` scales it down for a quick lab.

    Raises:
        InputError: no block, or an unknown shortcut.
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        num_blocks: int = 3,
        skips: bool = True,
        shortcut: Shortcut = "pool-pad",
        num_channels: int = 3,
        widths: tuple[int, ...] = WIDTHS,
    ) -> None:
        super().__init__()
        checked_count(num_blocks, "num_blocks")
        check_shortcut(shortcut)
        self.num_channels = num_channels
        self.stem = nn.Sequential(
            conv3x3(num_channels, widths[0]), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        shapes = stage_shapes(widths, num_blocks)
        self.blocks = nn.Sequential(*(_block(*shape, skips, shortcut) for shape in shapes))
        self.head = nn.Linear(widths[-1], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Raises:
        InputError: `images` is no [N, num_channels, H, W].
        """
        check_images(images, self.num_channels)
        logits: Tensor = self.head(self.blocks(self.stem(images)).mean((2, 3)))
        return logits


def _block(
    num_inputs: int, num_outputs: int, stride: int, skips: bool, shortcut: Shortcut
) -> nn.Sequential:
    branch = nn.Sequential(
        conv3x3(num_inputs, num_outputs, stride),
        nn.BatchNorm2d(num_outputs),
        nn.ReLU(),
        conv3x3(num_outputs, num_outputs),
        nn.BatchNorm2d(num_outputs),
    )
    skip = None
    if skips and (stride > 1 or num_inputs != num_outputs):
        skip = make_shortcut(shortcut, num_inputs, num_outputs, stride, nn.BatchNorm2d(num_outputs))
    return nn.Sequential(Residual(branch, skip=joined_by(skips, skip)), nn.ReLU())


def make_shortcut(
    shortcut: Shortcut, num_inputs: int, num_outputs: int, stride: int, norm: nn.Module | None
) -> nn.Module:
    """The skip where channels or places change; `norm` goes behind a projection."""
    if shortcut == "pool-pad":
        return PoolPad(num_inputs, num_outputs, stride=stride)
    return ConvProjection(num_inputs, num_outputs, stride=stride, norm=norm)


def check_shortcut(shortcut: str) -> None:
    """InputError unless there is such a shortcut."""
    if shortcut not in get_args(Shortcut):
        names = ", ".join(get_args(Shortcut))
        raise InputError(f"shortcut is {shortcut!r}; it must be one of {names}.")


def check_images(images: Tensor, num_channels: int) -> None:
    """InputError unless `images` is [N, num_channels, H, W]."""
    what = f"images [N, {num_channels}, height, width]"
    check_axes(images, what, axes=4, axis=1, size=num_channels)


def stage_shapes(widths: tuple[int, ...], num_blocks: int) -> list[tuple[int, int, int]]:
    """(inputs, outputs, stride) of each block; all stages but the first begin with stride 2."""
    shapes, channels = [], widths[0]
    for stage, width in enumerate(widths):
        for block in range(num_blocks):
            shapes.append((channels, width, 2 if stage and not block else 1))
            channels = width
    return shapes


def conv3x3(num_inputs: int, num_outputs: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution without bias, variance 2/fan-in."""
    return he_conv(num_inputs, num_outputs, 3, stride)


def zero_bias(layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
    """Sets the bias of a convolution to zero."""
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)


def he_conv(num_inputs: int, num_outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias that keeps the size at stride 1, variance 2/fan-in."""
    layer = nn.Conv2d(num_inputs, num_outputs, size, stride, size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer
