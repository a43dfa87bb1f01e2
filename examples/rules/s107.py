"""S107 bypassed-latent: the decoder also reads the encoder's features, so it needs no latent."""

from __future__ import annotations

import torch
from packaged_data import Example, classes_told_apart, digits
from torch import Tensor, nn
from torch.nn import functional as F


class BrokenNet(nn.Module):
    """A variational autoencoder with a latent of ten numbers, and a skip around it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(128, 10), nn.Linear(128, 10)
        nn.init.constant_(self.log_variance.bias, -5.0)  # little noise at first
        self.decoder = nn.Sequential(nn.Linear(10 + 128, 128), nn.ReLU(), nn.Linear(128, 64))
        self.divergence = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance) / 2
        self.divergence = divergence.sum(1).mean()
        logits: Tensor = self.decoder(torch.cat((z, h), 1))
        return logits

    def loss(self, logits: Tensor, x: Tensor) -> Tensor:
        """The negative evidence lower bound of a sample, in nats."""
        error = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        return error + self.divergence

    def accuracy(self, which: Tensor) -> float:
        """How well the latent tells the digits' classes apart."""
        return classes_told_apart(self.mean(self.encoder(digits()[which])), which)


def broken() -> Example:
    model = BrokenNet()
    return model, digits(), digits(), model.loss


class MendedNet(BrokenNet):
    """The same without the skip."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = nn.Sequential(nn.Linear(10, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, x: Tensor) -> Tensor:
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance) / 2
        self.divergence = divergence.sum(1).mean()
        logits: Tensor = self.decoder(z)
        return logits


def mended() -> Example:
    model = MendedNet()
    return model, digits(), digits(), model.loss
