"""DenseNets for small images: each layer reads all layers before it in its block.

Huang et al. 2017 (arXiv 1608.06993, section 3 and table 2): a 3x3 convolution, 3 dense blocks of
equal depth, between them BN, ReLU, 1x1 convolution and the mean over 2 x 2 places; then BN, ReLU,
mean, one linear layer. A layer is BN, ReLU, 3x3 convolution to k channels. DenseNet-BC puts BN,
ReLU, 1x1 convolution to 4k channels in front, halves the channels between blocks and starts with 2k
channels instead of 16. L counts layers with weights. Weights: He et al. 2015.

Test: the paper's parameter counts (table 2): 1.0, 7.0, 27.2; BC 0.8, 15.3, 25.6 million.
"""

from __future__ import annotations

from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.models.resnet import check_images, conv3x3, he_conv
from plusone.nn.skips.concatenation import dense_block

NUM_BLOCKS = 3


class DenseNet(nn.Module):
    """`forward(images [N, num_channels, H, W])` to logits [N, num_classes].

    `depth` is the paper's L, `growth` its k; `bottleneck_compression=True` is DenseNet-BC.

    Raises:
        InputError: the depth is not 3n + 4, or for BC not 6n + 4, with n layers in a block.
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        depth: int = 100,
        growth: int = 12,
        bottleneck_compression: bool = True,
        num_channels: int = 3,
    ) -> None:
        super().__init__()
        self.num_channels = num_channels
        convs = 2 if bottleneck_compression else 1
        num_layers, rest = divmod(depth - NUM_BLOCKS - 1, NUM_BLOCKS * convs)
        if rest or num_layers < 1:
            raise InputError(
                f"depth is {depth}; it must be {NUM_BLOCKS * convs}n + {NUM_BLOCKS + 1}, with n "
                "layers in each dense block."
            )
        channels = 2 * growth if bottleneck_compression else 16
        self.stem = conv3x3(num_channels, channels)
        stages: list[nn.Module] = []
        for stage in range(NUM_BLOCKS):
            if stage:
                kept = channels // 2 if bottleneck_compression else channels
                stages.append(_transition(channels, kept))
                channels = kept
            inputs = range(channels, channels + num_layers * growth, growth)
            make = _bottleneck_layer if bottleneck_compression else _layer
            stages.append(dense_block(make(entry, growth) for entry in inputs))
            channels += num_layers * growth
        self.blocks = nn.Sequential(*stages)
        self.end = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.head = nn.Linear(channels, num_classes)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Raises:
        InputError: `images` is no [N, num_channels, H, W].
        """
        check_images(images, self.num_channels)
        logits: Tensor = self.head(self.end(self.blocks(self.stem(images))).mean((2, 3)))
        return logits


def _layer(num_inputs: int, growth: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(num_inputs), nn.ReLU(), conv3x3(num_inputs, growth))


def _bottleneck_layer(num_inputs: int, growth: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(num_inputs),
        nn.ReLU(),
        he_conv(num_inputs, 4 * growth, 1),
        nn.BatchNorm2d(4 * growth),
        nn.ReLU(),
        conv3x3(4 * growth, growth),
    )


def _transition(num_inputs: int, num_outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(num_inputs), nn.ReLU(), he_conv(num_inputs, num_outputs, 1), nn.AvgPool2d(2)
    )
