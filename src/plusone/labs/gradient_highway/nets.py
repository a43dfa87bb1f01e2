"""The nets of the lab, each with the twin whose blocks are the branches alone."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.labs.base.lab import Option
from plusone.labs.data import cifar10, digits
from plusone.nn.models import MLP, PreActResNet
from plusone.nn.norms import NormName

WIDTH, CHANNELS, NUM_SAMPLES = 128, 8, 64

FORMS: Mapping[str, Mapping[str, Option]] = {
    "plain": {"skips": False, "init": "pytorch"},
    "residual": {"skips": True, "init": "pytorch"},
    "plain, He": {"skips": False, "init": "he"},
    "residual, He": {"skips": True, "init": "he"},
    "residual, He, 1/sqrt(L)": {"skips": True, "init": "he", "scaled": True},
    "residual, He, layer norm": {"skips": True, "init": "he", "norm": "layer"},
}
CONV_FORMS: Mapping[str, Mapping[str, Option]] = {
    "conv plain": {"skips": False},
    "conv residual": {"skips": True},
}


def mlp(options: Mapping[str, Option], depth: int, *, is_twin: bool = False) -> MLP:
    """An MLP on digits; its twin has neither skips nor a scale."""
    skips = bool(options["skips"]) and not is_twin
    norm: NormName | None = "layer" if options.get("norm") == "layer" else None
    scale = scale_of(options, depth) if skips else None
    net = MLP(64, 10, width=WIDTH, num_blocks=depth, skips=skips, norm=norm, scale=scale)
    if options["init"] == "pytorch":
        for layer in net.blocks.modules():
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
    return net


def scale_of(options: Mapping[str, Option], depth: int) -> float:
    """What the branch is multiplied by."""
    return 1 / math.sqrt(depth) if options.get("scaled") else 1.0


def conv(
    options: Mapping[str, Option], depth: int, num_channels: int, *, is_twin: bool
) -> nn.Module:
    """A pre-activation net of one stage, so that each skip is the identity."""
    skips = bool(options["skips"]) and not is_twin
    return PreActResNet(
        num_blocks=depth, skips=skips, num_channels=num_channels, widths=(CHANNELS,)
    )


def with_twin(
    options: Mapping[str, Option], depth: int, num_channels: int | None = None
) -> tuple[nn.Module, nn.Module]:
    """A net in float64 and its twin with the same weights; a conv net where there are channels."""
    nets: list[nn.Module] = [
        mlp(options, depth, is_twin=is_twin)
        if num_channels is None
        else conv(options, depth, num_channels, is_twin=is_twin)
        for is_twin in (False, True)
    ]
    net, twin = (made.double() for made in nets)
    twin.load_state_dict(net.state_dict())
    return net, twin


def batch(source: str, seed: int) -> tuple[Tensor, Tensor]:
    """Samples in float64 with classes: "digits", "digit images" or "cifar10" (16 x 16 places)."""
    if source == "cifar10":
        data = cifar10(num_train=100)
        inputs = F.avg_pool2d(data.inputs, 2)
    else:
        data = digits()
        inputs = data.inputs if source == "digits" else data.inputs.view(-1, 1, 8, 8)
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(inputs), generator=generator)[:NUM_SAMPLES]
    return inputs[chosen].double(), data.targets[chosen]
