"""A deep net as long as a protein, with the protein's bonds as its only skips."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from plusone.labs.data import Split
from plusone.labs.disulfide.pdb import Pair
from plusone.labs.training import TrainConfig, accuracy, train
from plusone.theory import chain_dag, dag_log_moment

GAIN = 0.7
"""Weights have the variance 0.49 / width: a chain of 58 such layers leaves 1e-9 of a gradient."""


class SkipChain(nn.Module):
    """A stem, x_l = tanh(W_l x_{l-1} + b_l) + the sum of x_i over skips (i, l), and a head."""

    def __init__(
        self,
        num_inputs: int,
        width: int,
        num_nodes: int,
        skips: Sequence[Pair],
        num_classes: int = 10,
    ) -> None:
        super().__init__()
        self.stem = nn.Linear(num_inputs, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(num_nodes - 1))
        self.head = nn.Linear(width, num_classes)
        self.skips = tuple(skips)
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            nn.init.normal_(layer.weight, std=GAIN / math.sqrt(width))
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.nodes(self.stem(x))[-1])
        return logits

    def nodes(self, start: Tensor) -> list[Tensor]:
        """The values at all nodes, from the first one's."""
        found = [start]
        for number, layer in enumerate(self.layers, 1):
            x = torch.tanh(layer(found[-1]))
            for i, j in self.skips:
                if j == number:
                    x = x + found[i]
            found.append(x)
        return found


def decades(net: SkipChain, inputs: Tensor, generator: torch.Generator) -> float:
    """log10 of the gradient's norm at the first node over that at the last, of a random one."""
    start = net.stem(inputs).detach().requires_grad_()
    last = net.nodes(start)[-1]
    cotangent = torch.randn(last.shape, generator=generator)
    (found,) = torch.autograd.grad(last, start, cotangent)
    return float(torch.log10(found.norm() / cotangent.norm()))


def predicted_decades(num_nodes: int, skips: Sequence[Pair]) -> float:
    """The same by the second moments of every skip pattern (`plusone.theory.dag`), before there is
    a net: of linear branches, as tanh is where the signal is small."""
    moment = dag_log_moment(chain_dag(num_nodes - 1, skips, strength=GAIN**2))
    return moment / 2 / math.log(10)


def measure_net(
    data: Split, width: int, pattern: tuple[int, Sequence[Pair]], config: TrainConfig
) -> Mapping[str, object]:
    """Accuracies of the net of `pattern` (nodes, skips); its gradient at the start."""
    num_nodes, skips = pattern
    net = SkipChain(data.inputs.shape[1], width, num_nodes, skips)
    generator = torch.Generator().manual_seed(config.seed)
    start = decades(net, data.inputs[:64], generator)
    losses = train(net, data.inputs, data.targets, config)
    return {
        "start": start,
        "predicted": predicted_decades(num_nodes, skips),
        "loss": losses[-1],
        "train": accuracy(net, data.inputs, data.targets),
        "test": accuracy(net, data.test_inputs, data.test_targets),
        "skips": [list(pair) for pair in skips],
    }
