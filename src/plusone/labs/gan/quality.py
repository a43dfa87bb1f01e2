"""How good and how many-sided generated digits are, by a net that was trained to tell digits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.labs.base.extra import need
from plusone.labs.gan.nets import pictures
from plusone.labs.training import TrainConfig, accuracy, train
from plusone.target.torchvision import make_importable

NUM_FEATURES = 32
NOISE = 10  # the class that is no digit
NUM_STEPS = {"digits": 2000, "mnist": 6000}
SURE, SHARE = 0.9, 0.02  # of a digit's probability, and of the pictures (an even share is 0.1)


class Features(nn.Module):
    """The last hidden layer of a classifier of digits [N, 32]: what Frechet distances are of."""

    num_features = NUM_FEATURES

    def __init__(self, num_pixels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(num_pixels, 128), nn.ReLU(), nn.Linear(128, NUM_FEATURES), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(x)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A trained classifier and its accuracy on held-out digits.

    Beside the digits it knows an eleventh class, noise with their mean and covariance or with
    independent pixels: a net of the digits alone finds six of them in such noise.
    """

    features: Features
    head: nn.Linear
    accuracy: float

    @torch.no_grad()
    def modes(self, made: Tensor) -> int:
        """Digits to which at least 2 % of the pictures belong with a probability of 0.9 or more."""
        sure, digit = torch.softmax(self.head(self.features(made)), 1).max(1)
        counts = torch.bincount(digit[sure >= SURE], minlength=NOISE + 1)[:NOISE]
        return int((counts >= SHARE * len(made)).sum())

    @torch.no_grad()
    def distance(self, real: Tensor, made: Tensor) -> float:
        """|m_1 - m_2|^2 + tr(S_1 + S_2 - 2 (S_1 S_2)^1/2) of the features, by torchmetrics
        (Heusel et al. 2017, arXiv 1706.08500), which adds up in float64."""
        make_importable()  # torchmetrics imports torchvision
        fid = need("torchmetrics.image.fid").FrechetInceptionDistance(feature=self.features)
        fid.update(real, real=True)
        fid.update(made, real=False)
        return float(fid.compute())


@cache
def judge(name: str) -> Judge:
    """The classifier of a set of digits, the same on every call; the random state stays."""
    data = pictures(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        features, head = Features(data.inputs.shape[1]), nn.Linear(NUM_FEATURES, NOISE + 1)
        net = nn.Sequential(features, head)
        config = TrainConfig(
            steps=NUM_STEPS[name], learning_rate=2e-3, optimizer="adam", weight_decay=1e-4
        )
        dice, count = torch.Generator().manual_seed(0), len(data.inputs) // 4
        noise = [make(data.inputs, count, dice) for make in (noise_like, specks_like)]
        inputs = torch.cat((data.inputs, *noise))
        train(net, inputs, F.pad(data.targets, (0, 2 * count), value=NOISE), config)
    found = accuracy(net, data.test_inputs, data.test_targets)
    net.requires_grad_(requires_grad=False)
    return Judge(features=features.eval(), head=head, accuracy=found)


def specks_like(x: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Gaussian vectors with each number's mean and deviation over the rows of x, independent."""
    return x.mean(0) + x.std(0) * torch.randn(count, x.shape[1], generator=generator)


def noise_like(x: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Gaussian vectors with the mean and covariance of the rows of x."""
    centred = (x - x.mean(0)).double()
    weights = torch.randn(count, len(x), generator=generator, dtype=torch.float64)
    made: Tensor = x.mean(0) + weights @ centred / (len(x) - 1) ** 0.5
    return made.float()
