"""Trained nets: on digits with the gradient by path length, and on CIFAR-10."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

import plusone
from plusone.labs import blockwise
from plusone.labs.base import Arm
from plusone.labs.data import cifar10, digits
from plusone.labs.path_ensemble.expansion import shares_of, terms_by_length
from plusone.labs.path_ensemble.lesions import lesion_numbers
from plusone.labs.training import TrainConfig, train
from plusone.nn.models import MLP, PreActResNet

NUM_SAMPLES = 32
RATE = 3e-3  # with 1e-3 the plain twin has not learnt the task when the quick mode ends
WIDTHS = (8, 16, 32)


def digits_numbers(arm: Arm, seed: int) -> dict[str, object]:
    """Lesions of a stack with batch norm on digits; of the residual one its paths too."""
    data, has_skips = digits(), bool(arm.options["skips"])
    net = MLP(
        data.inputs.shape[1],
        10,
        width=64,
        num_blocks=int(arm.options["blocks"]),
        skips=has_skips,
        norm="batch",
    )
    config = TrainConfig(
        steps=int(arm.options["steps"]), learning_rate=RATE, optimizer="adam", clip=1.0, seed=seed
    )
    train(net, data.inputs, data.targets, config)
    found = lesion_numbers(net, data.test_inputs, data.test_targets, seed)
    return {**found, **path_numbers(net, seed)} if has_skips else found


def path_numbers(net: MLP, seed: int) -> dict[str, object]:
    """The gradient's share by path length, and what `plusone.scan` says of the paths.

    With the gates of all ReLUs as they are at x the net is linear, so that its Jacobian, not the
    net, is exactly the sum over paths. The share of length k is |G_k|^2 over its sum over k, G_k
    the sum of the loss's gradient at the stream's start over the paths of k branches.
    """
    net.double().eval()
    x, y = digits().test_inputs[:NUM_SAMPLES].double(), digits().test_targets[:NUM_SAMPLES]
    with torch.no_grad():
        start = net.stem(x)
    branches = blockwise.jacobians(net.blocks, start) - torch.eye(start.shape[1], dtype=x.dtype)
    start.requires_grad_()
    end = net.blocks(start)
    loss = F.cross_entropy(net.head(end), y, reduction="sum")
    at_start, at_end = torch.autograd.grad(loss, (start, end))
    terms = terms_by_length(list(branches.flip(0).mT), at_end[..., None])
    sums = terms.sum(0)[..., 0]
    report = plusone.scan(net, x, config=plusone.ScanConfig(seed=seed, mode="eval", timed=False))
    law = report.data.structure.paths
    depth = len(branches)
    off = [
        abs(count - math.log10(math.comb(depth, length)))
        for length, count in zip(law.lengths, law.log10_counts, strict=True)
    ]
    assert law.lengths == tuple(range(depth + 1))
    assert law.effective_length is not None
    net.float()
    return {
        "gradient error": float(((sums - at_start).norm(dim=1) / at_start.norm(dim=1)).max()),
        "shares": shares_of(terms).mean(0).tolist(),
        "scan weights": list(law.weights),
        "scan length": law.effective_length,
        "counts error": max(off),
    }


def cifar_numbers(arm: Arm, seed: int) -> dict[str, object]:
    """Lesions of a narrow pre-activation ResNet on CIFAR-10 at half the resolution (16 x 16)."""
    data = cifar10()
    images, test_images = (F.avg_pool2d(x, 2) for x in (data.inputs, data.test_inputs))
    net = PreActResNet(
        num_blocks=int(arm.options["blocks"]), skips=bool(arm.options["skips"]), widths=WIDTHS
    )
    config = TrainConfig(
        steps=int(arm.options["steps"]), learning_rate=RATE, optimizer="adam", clip=1.0, seed=seed
    )
    train(net, images, data.targets, config)
    return lesion_numbers(net, test_images, data.test_targets, seed)
