"""The critics, the generator, and the digits that both see, as vectors of pixels."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

import plusone
from plusone.labs.data import Split, digits, mnist
from plusone.nn.models import MLP

NUM_NOISE, WIDTH = 16, 64


def pictures(name: str) -> Split:
    """Digits as vectors of 64 pixels (scikit-learn's), or of 196 (MNIST's, averaged by four)."""
    if name == "digits":
        return digits()
    data = mnist()
    x, test = (F.avg_pool2d(images, 2).flatten(1) for images in (data.inputs, data.test_inputs))
    return Split(x, data.targets, test, data.test_targets)


class Generator(nn.Module):
    """Noise [N, 16] to pixels [N, num_pixels] between `low` and `high`, with batch norm."""

    def __init__(self, num_pixels: int, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high
        self.layers = nn.Sequential(
            nn.Linear(NUM_NOISE, 128),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Linear(128, 128),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Linear(128, num_pixels),
        )

    def forward(self, noise: Tensor) -> Tensor:
        return self.low + (self.high - self.low) * torch.sigmoid(self.layers(noise))


def critic(
    num_pixels: int,
    num_blocks: int,
    *,
    skips: bool,
    start: str = "pytorch",
    has_spectral_norm: bool = False,
) -> MLP:
    """A critic of 2 layers a block; weights are PyTorch's own, or He's with `start` "he"."""
    net = MLP(num_pixels, 1, width=WIDTH, num_blocks=num_blocks, skips=skips)
    layers = [m for m in net.modules() if isinstance(m, nn.Linear)]
    for layer in layers:
        if start != "he":
            layer.reset_parameters()
        if has_spectral_norm:
            parametrizations.spectral_norm(layer)
    return net


def repaired(net: MLP, x: Tensor) -> MLP:
    """What plusone.fix makes of a critic, told to call `x` real, without trials."""
    loss, wanted = F.binary_cross_entropy_with_logits, torch.ones(len(x), 1)
    made = plusone.fix(net, x, wanted, loss, trial_steps=0).apply()
    assert isinstance(made, MLP)
    return made


@torch.no_grad()
def spread(net: MLP, x: Tensor) -> float:
    """log10 of the deviation of the scores over samples, over float32's step at their size: below
    zero the critic gives all pictures one score but for rounding. In float64, of the same net."""
    scores = copy.deepcopy(net).double()(x.double())
    step = torch.finfo(torch.float32).eps * scores.abs().mean()
    return float((scores.std() / step).clamp_min(1e-300).log10())


def critic_decades(net: MLP, x: Tensor) -> float:
    """log10 of the gradient of the critic's mean score at the first block over at the last."""
    first = net.stem(x)
    last = net.blocks(first)
    g_in, g_out = torch.autograd.grad(net.head(last).sum(), (first, last))
    return float((g_in.double().norm() / g_out.double().norm()).clamp_min(1e-300).log10())
