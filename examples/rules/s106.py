"""S106 information-bottleneck: the last state of the encoder is all that the decoder gets."""

from __future__ import annotations

import torch
from packaged_data import Example, on_reversed_strips
from torch import Tensor, nn


class BrokenNet(nn.Module):
    """Reads a picture as sixteen strips of four pixels, and writes their ink down backwards."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(4, 32)
        self.places = nn.Parameter(torch.randn(2, 16, 32))
        self.encoder = nn.GRU(32, 6, batch_first=True)
        self.decoder = nn.GRU(32, 6, batch_first=True)
        self.mix = nn.Linear(12, 32)
        self.head = nn.Linear(32, 8)

    def forward(self, strips: Tensor) -> Tensor:
        _, last = self.encoder(self.embedding(strips) + self.places[0])
        asking = self.places[1].expand(len(strips), 16, 32)
        written, _ = self.decoder(asking, last)
        read = last[0, :, None].expand_as(written)
        h = torch.tanh(self.mix(torch.cat((written, read), 2)))
        classes: Tensor = self.head(h).view(-1, 16, 4, 2)
        return classes


def broken() -> Example:
    return on_reversed_strips(BrokenNet())


class MendedNet(BrokenNet):
    """The same, and each step of the decoder looks at all states of the encoder."""

    def forward(self, strips: Tensor) -> Tensor:
        states, last = self.encoder(self.embedding(strips) + self.places[0])
        asking = self.places[1].expand(len(strips), 16, 32)
        written, _ = self.decoder(asking, last)
        read = torch.softmax(written @ states.mT, 2) @ states
        h = torch.tanh(self.mix(torch.cat((written, read), 2)))
        classes: Tensor = self.head(h).view(-1, 16, 4, 2)
        return classes


def mended() -> Example:
    return on_reversed_strips(MendedNet())
