"""The nets of the lab, their data, and the deep net that is a shallow one with identity layers."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.labs.data import Split, cifar10, digits
from plusone.nn.models import MLP, ResNet

Kind = Literal["mlp", "conv"]
WIDTHS = (8, 16)
NUM_STAGES = {"mlp": 1, "conv": len(WIDTHS)}


def net_of(kind: Kind, num_blocks: int, *, skips: bool) -> nn.Module:
    """A net of so many blocks a stage, with batch norm and He's init; `blocks` holds them all."""
    if kind == "mlp":
        return MLP(64, 10, width=64, num_blocks=num_blocks, skips=skips, norm="batch")
    return ResNet(num_blocks=num_blocks, skips=skips, widths=WIDTHS)


def data_of(kind: Kind) -> Split:
    """Digits, or CIFAR-10 pictures averaged to 8 x 8 places."""
    if kind == "mlp":
        return digits()
    data = cifar10(num_train=100)
    small, test = (F.avg_pool2d(x, 4) for x in (data.inputs, data.test_inputs))
    return Split(small, data.targets, test, data.test_targets)


def deepened(kind: Kind, shallow: nn.Module, num_blocks: int, inputs: Tensor) -> nn.Module:
    """A plain net of `num_blocks` a stage that computes what the trained plain `shallow` one does.

    Each stage keeps its blocks and goes on with blocks that are the identity in evaluation mode, on
    all `inputs` (He et al. 2016, arXiv 1512.03385, section 3.1). A batch norm is one that undoes
    itself: with gain sqrt(v + eps) and shift m, m and v being the mean and variance of its inputs.
    Where a branch begins with a ReLU the shift has c more, twice the largest input, and the
    last layer takes c away again.
    """
    given = list(shallow.get_submodule("blocks").children())
    stages = NUM_STAGES[kind]
    length = len(given) // stages
    # Drawn weights are overwritten; the random state stays as it was.
    with torch.random.fork_rng(devices=[]):
        deep = net_of(kind, num_blocks, skips=False).to(inputs.dtype)
    blocks: list[nn.Module] = []
    fresh = list(deep.get_submodule("blocks").children())
    with _streams(shallow, [given[(s + 1) * length - 1] for s in range(stages)]) as ends:
        shallow(inputs)
    for stage, stream in enumerate(ends):
        blocks += copy.deepcopy(given[stage * length : (stage + 1) * length])
        for block in fresh[stage * num_blocks + length : (stage + 1) * num_blocks]:
            _make_identity(block, stream)
            blocks.append(block)
    deep.load_state_dict(
        {k: v for k, v in shallow.state_dict().items() if not k.startswith("blocks.")}, strict=False
    )
    deep.set_submodule("blocks", nn.Sequential(*blocks))
    return deep.eval()


@contextmanager
def _streams(net: nn.Module, blocks: list[nn.Module]) -> Iterator[list[Tensor]]:
    """What these blocks give, in a forward in evaluation mode without gradients."""
    found: list[Tensor] = []
    handles = [block.register_forward_hook(lambda _, __, y: found.append(y)) for block in blocks]
    net.eval()
    try:
        with torch.no_grad():
            yield found
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def _make_identity(block: nn.Module, stream: Tensor) -> None:
    begins_with_relu = bool((stream < 0).any())
    c = 2 * float(stream.abs().max()) if begins_with_relu else 0.0
    layers = [m for m in block.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.dirac_(layer.weight)
        else:
            nn.init.eye_(layer.weight)
            nn.init.constant_(layer.bias, -c if layer is layers[-1] else 0.0)
    axes = [axis for axis in range(stream.ndim) if axis != 1]
    mean, variance = stream.mean(axes), stream.var(axes, correction=0)
    for norm in block.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.copy_(mean + c)


def settle(net: nn.Module, inputs: Tensor) -> None:
    """Give each batch norm the statistics of all `inputs`, in place of its running average.

    Otherwise what is called a training error also holds how far those averages lag behind, which
    is more in deeper nets.
    """
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    net.train()
    with torch.no_grad():
        net(inputs)
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
    net.eval()
