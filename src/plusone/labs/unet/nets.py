"""The nets of the lab, and the pictures that they segment."""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn

import plusone
from plusone.labs.data.images import Split, nuclei, vessels
from plusone.labs.degradation.nets import settle
from plusone.labs.training import TrainConfig, train
from plusone.nn.models import BranchOnly, UNet
from plusone.nn.skips.long import LongSkip

Kept = Literal["all", "none", "finest", "coarsest"]
START, END = "levels.0.0", "head"
"""The first convolution of the encoder and the last of the decoder."""


def net_of(num_levels: int, kept: Kept, *, width: int) -> UNet:
    """A U-Net whose skips are added, those that are not kept being left out: the same weights."""
    net = UNet(width=width, num_levels=num_levels, skips="add", norm="batch")
    levels = {"all": range(num_levels), "none": (), "finest": (0,), "coarsest": (num_levels - 1,)}
    for level, skip in enumerate(long_skips(net)):
        if level not in levels[kept]:
            skip.join = BranchOnly()
    return net


def long_skips(net: nn.Module) -> list[LongSkip]:
    """The skips, the finest first."""
    return [m for m in net.modules() if isinstance(m, LongSkip)]


@cache
def data_of(name: str) -> Split:
    """Nuclei or vessels: whole pictures to test on, and their quarters to train on.

    Of the vessels those quarters count that are at least a fiftieth vessel.
    """
    found = nuclei() if name == "nuclei" else vessels()
    inputs, masks = quartered(found.inputs), quartered(found.targets)
    if name == "vessels":
        kept = masks.mean((1, 2, 3)) > 1 / 50
        inputs, masks = inputs[kept], masks[kept]
    return Split(inputs, masks, found.test_inputs, found.test_targets)


def quartered(x_NCHW: Tensor) -> Tensor:
    """Each picture as four of half the size a side."""
    num_channels, height, width = x_NCHW.shape[1:]
    parts = x_NCHW.unfold(2, height // 2, height // 2).unfold(3, width // 2, width // 2)
    return parts.permute(0, 2, 3, 1, 4, 5).reshape(-1, num_channels, height // 2, width // 2)


def some(x_NCHW: Tensor) -> Tensor:
    """At most 64 of them, evenly spaced."""
    return x_NCHW[:: -(-len(x_NCHW) // 64)]


def loss_of(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy of pixels, and one minus the soft Dice coefficient (1606.04797, section 3).

    By cross-entropy alone, the deep net without skips finds no pixel in the lab's budget.
    """
    p = torch.sigmoid(logits)
    dice = 2 * (p * masks).sum() / (p.sum() + masks.sum() + 1)
    return nn.functional.binary_cross_entropy_with_logits(logits, masks) + 1 - dice


def trained(net: nn.Module, data: Split, *, steps: int, seed: int) -> None:
    """Train in place, on batches of 8.

    The rate is the better of 0.003 and 0.01 for the deep net without skips; both do for the others.
    """
    config = TrainConfig(steps=steps, learning_rate=1e-2, batch=8, optimizer="adam", seed=seed)
    train(net, data.inputs, data.targets, config, loss_fn=loss_of)
    settle(net, data.inputs)


def repaired(net: nn.Module, data: Split) -> nn.Module:
    """What plusone.fix makes of a net, without trials."""
    x, y = data.inputs[:4], data.targets[:4]
    return plusone.fix(net, x, y, loss_of, trial_steps=0).apply()


def warning(net: nn.Module, data: Split) -> tuple[bool, float]:
    """Whether a scan finds S105, and the share of the resolution that some path keeps."""
    report = plusone.scan(net, data.inputs[:4], data.targets[:4], loss_of, quick=True, timed=False)
    detail = report.data.structure.detail
    assert detail is not None
    return any(f.code == "S105" for f in report.findings), float(detail.value)
