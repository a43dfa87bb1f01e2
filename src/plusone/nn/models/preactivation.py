"""Pre-activation ResNets for small images: identity skips from end to end.

He et al. 2016 (arXiv 1603.05027, figure 1b and section 4.1): x' = skip(x) + f(x), and f begins with
batch norm and ReLU, so that nothing lies on the skip. The basic branch has two 3x3 convolutions
(6n + 2 layers with weights), the bottleneck 1x1, 3x3 and 1x1 with four times the width behind it
(9n + 2 layers: 164 and 1001 in the paper). One more batch norm and ReLU come behind the last sum.
Where channels change, the skip is option A or a projection. In the authors' code the first block of
a stage shares one batch norm and ReLU between branch and projection; here the skip takes x itself.

Test: ResNet-164's 1.7 million parameters (of ResNet-1001 there are 10.3 here, 10.2 in the paper);
3n skips; at a zero last gain the blocks of a stage are the identity bit by bit.
"""

from __future__ import annotations

from torch import Tensor, nn

from plusone.nn.join import checked_count
from plusone.nn.models.branch_only import joined_by
from plusone.nn.models.resnet import (
    WIDTHS,
    Shortcut,
    check_images,
    check_shortcut,
    conv3x3,
    he_conv,
    make_shortcut,
    stage_shapes,
)
from plusone.nn.residual import Residual

EXPANSION = 4


class PreActResNet(nn.Module):
    """`forward(images [N, num_channels, H, W])` to logits [N, num_classes].

    `num_blocks` is n, for each of the stages; `bottleneck=True` with 18 gives ResNet-164, with 111
    ResNet-1001.

    Raises:
        InputError: no block, or an unknown shortcut.
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        num_blocks: int = 3,
        bottleneck: bool = False,
        skips: bool = True,
        shortcut: Shortcut = "pool-pad",
        num_channels: int = 3,
        widths: tuple[int, ...] = WIDTHS,
    ) -> None:
        super().__init__()
        checked_count(num_blocks, "num_blocks")
        check_shortcut(shortcut)
        self.num_channels = num_channels
        self.stem = conv3x3(num_channels, widths[0])
        expansion = EXPANSION if bottleneck else 1
        blocks, channels = [], widths[0]
        for _, width, stride in stage_shapes(widths, num_blocks):
            make = _bottleneck if bottleneck else _basic
            branch, outputs = make(channels, width, stride), width * expansion
            changes = stride > 1 or channels != outputs
            skip = make_shortcut(shortcut, channels, outputs, stride, None) if changes else None
            blocks.append(Residual(branch, skip=joined_by(skips, skip)))
            channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.end = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.head = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Raises:
        InputError: `images` is no [N, num_channels, H, W].
        """
        check_images(images, self.num_channels)
        logits: Tensor = self.head(self.end(self.blocks(self.stem(images))).mean((2, 3)))
        return logits


def _basic(num_inputs: int, width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(num_inputs),
        nn.ReLU(),
        conv3x3(num_inputs, width, stride),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        conv3x3(width, width),
    )


def _bottleneck(num_inputs: int, width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(num_inputs),
        nn.ReLU(),
        he_conv(num_inputs, width, 1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        conv3x3(width, width, stride),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        he_conv(width, EXPANSION * width, 1),
    )
