"""A plain network of 50 blocks and its residual twin, on the handwritten digits of scikit-learn.

Both have the same parameters with the same first values; they differ in one plus sign. Scan them
with `plusone scan examples/digits.py:plain` and `plusone scan examples/digits.py:residual`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

NUM_BLOCKS = 50
NUM_SAMPLES = 128
WIDTH = 64

Example = tuple[nn.Module, Tensor, Tensor, Callable[[Tensor, Tensor], Tensor]]


class Block(nn.Module):
    """F(x), or x + F(x) with a skip, where F is linear, ReLU, linear in PyTorch's own init."""

    def __init__(self, width: int, *, has_skip: bool) -> None:
        super().__init__()
        self.has_skip = has_skip
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        branch: Tensor = self.second(F.relu(self.first(x)))
        return x + branch if self.has_skip else branch


class Digits(nn.Module):
    """From the 64 pixels of a digit to the logits of ten classes."""

    def __init__(self, *, has_skips: bool) -> None:
        super().__init__()
        self.stem = nn.Linear(64, WIDTH)
        self.blocks = nn.ModuleList(Block(WIDTH, has_skip=has_skips) for _ in range(NUM_BLOCKS))
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        """The logits."""
        x = self.stem(pixels)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(x)
        return logits


def plain() -> Example:
    """The network without skips."""
    return _example(has_skips=False)


def residual() -> Example:
    """The same network, the same weights, with a skip around each block."""
    return _example(has_skips=True)


def _example(*, has_skips: bool) -> Example:
    torch.manual_seed(0)  # the twins begin with the same weights
    model = Digits(has_skips=has_skips)
    pixels, classes = load_digits(return_X_y=True)
    inputs = torch.tensor(pixels[:NUM_SAMPLES] / 16.0, dtype=torch.float32)
    targets = torch.tensor(classes[:NUM_SAMPLES], dtype=torch.int64)
    return model, inputs, targets, F.cross_entropy


def layers() -> Example:
    """24 linear layers with ReLU and no skip, on all digits: for `plusone search`."""
    torch.manual_seed(0)
    hidden = [m for _ in range(23) for m in (nn.Linear(32, 32), nn.ReLU())]
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), *hidden, nn.Linear(32, 10))
    pixels, classes = load_digits(return_X_y=True)
    inputs = torch.tensor(pixels / 16.0, dtype=torch.float32)
    return model, inputs, torch.tensor(classes, dtype=torch.int64), F.cross_entropy
