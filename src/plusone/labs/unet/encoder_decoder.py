"""A net without skips as it is written without plusone, of torch's layers and their weights."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class EncoderDecoder(nn.Module):
    """Down by max-pooling, up by transposed convolutions: pictures [N, 1, H, W] to logits.

    With as many parameters as the lab's net of that width and number of levels.
    """

    def __init__(self, *, width: int, num_levels: int) -> None:
        super().__init__()
        channels = [width * 2**level for level in range(num_levels + 1)]
        upward = channels[::-1]
        self.encoder = nn.ModuleList(convolutions(a, b) for a, b in pairwise([1, *channels]))
        self.pool = nn.MaxPool2d(2)
        self.upsample = nn.ModuleList(
            nn.ConvTranspose2d(a, b, kernel_size=2, stride=2) for a, b in pairwise(upward)
        )
        self.decoder = nn.ModuleList(convolutions(c, c) for c in upward[1:])
        self.head = nn.Conv2d(width, 1, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.encoder
        x = first(x)
        for block in others:
            x = block(self.pool(x))
        for upsample, block in zip(self.upsample, self.decoder, strict=True):
            x = block(upsample(x))
        found: Tensor = self.head(x)
        return found


def convolutions(num_inputs: int, num_outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(num_inputs, num_outputs, kernel_size=3, padding=1),
        nn.BatchNorm2d(num_outputs),
        nn.ReLU(),
        nn.Conv2d(num_outputs, num_outputs, kernel_size=3, padding=1),
        nn.BatchNorm2d(num_outputs),
        nn.ReLU(),
    )
