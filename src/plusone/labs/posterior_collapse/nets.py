"""The autoencoders of the lab, their loss, and the pictures that they give back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.labs.data import digits, mnist

UNITS = 10
FREE_BITS = 0.5
"""Nats that each unit's divergence may have for nothing (Kingma et al. 2016, arXiv 1606.04934)."""

Outputs = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What comes around the latent: `skipped` features of the encoder, in training dropped for a
    share of the samples, times a number that is learned from `factor` on where it is given.

    `from_latent` adds a skip from the latent to the decoder's last layer.
    """

    skipped: int = 0
    dropped: float = 0.0
    factor: float | None = None
    from_latent: bool = False


class Vae(nn.Module):
    """`forward(x [N, P])` to the logits of x, and mean and log variance of the latent.

    Kingma and Welling 2014 (arXiv 1312.6114), with one hidden layer more in the encoder, whose
    first features are what is skipped: the decoder reads them beside the latent.
    """

    def __init__(self, num_pixels: int, way: Way, *, width: int) -> None:
        super().__init__()
        self.way = way
        self.first, self.second = nn.Linear(num_pixels, width), nn.Linear(width, width)
        self.latent = nn.Linear(width, 2 * UNITS)
        self.decoder = nn.Linear(UNITS + way.skipped, width)
        self.out = nn.Linear(width + UNITS * way.from_latent, num_pixels)
        self.factor = None if way.factor is None else nn.Parameter(torch.tensor(way.factor))

    def encode(self, x: Tensor) -> Outputs:
        """What is skipped, mean and log variance."""
        h = torch.relu(self.first(x))
        mean, log_variance = self.latent(torch.relu(self.second(h))).chunk(2, 1)
        u = h[:, : self.way.skipped]
        if self.factor is not None:
            u = self.factor * u
        if self.training and self.way.dropped:
            u = u * (torch.rand(len(u), 1) >= self.way.dropped)
        return u, mean, log_variance

    def decode(self, z: Tensor, u: Tensor) -> Tensor:
        """The logits."""
        read = torch.cat((z, u), 1) if self.way.skipped else z
        h = torch.relu(self.decoder(read))
        logits: Tensor = self.out(torch.cat((h, z), 1) if self.way.from_latent else h)
        return logits

    def forward(self, x: Tensor) -> Outputs:
        u, mean, log_variance = self.encode(x)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        return self.decode(z, u), mean, log_variance


def divergences(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of N(mean, variance) from N(0, 1) for each sample and unit, in nats: [N, units]."""
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


def reconstruction(logits: Tensor, x: Tensor) -> Tensor:
    """-log p(x | z) of pixels in [0, 1], in nats a picture (their cross-entropy)."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


def loss_of(*, free_bits: float = 0.0) -> Callable[[Outputs, Tensor], Tensor]:
    """The negative evidence lower bound a picture; with free bits, max(bits, KL) of each unit."""

    def loss(outputs: Outputs, x: Tensor) -> Tensor:
        logits, mean, log_variance = outputs
        each = divergences(mean, log_variance).mean(0)
        return reconstruction(logits, x) + each.clamp(min=free_bits).sum()

    return loss


class Pictures(NamedTuple):
    """Pixels in [0, 1], [N, P], to train on and held out."""

    train: Tensor
    test: Tensor


@cache
def pictures(name: str) -> Pictures:
    """scikit-learn's digits or MNIST."""
    data = mnist() if name == "mnist" else digits()
    both = (data.inputs.flatten(1), data.test_inputs.flatten(1))
    low, high = both[0].min(), both[0].max()
    return Pictures(*((x - low) / (high - low) for x in both))
