"""What is left of a trained net when blocks are deleted or change places.

Batch norms stay in evaluation mode with the statistics of training, as in Veit et al. 2016: a
lesion is not repaired. Blocks can be deleted and exchanged within a group of one shape. The first
block stands apart: it acts as the stem.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from plusone.labs.base.extra import need
from plusone.nn.models import MLP, PreActResNet

NUM_SETS, NUM_ORDERS = 10, 40
Net = MLP | PreActResNet


def groups_of(net: Net) -> list[list[int]]:
    """Blocks of one shape each, without the first of all and those that change the shape."""
    if isinstance(net, MLP):
        return [list(range(1, len(net.blocks)))]
    stage = len(net.blocks) // 3
    return [list(range(start + 1, start + stage)) for start in (0, stage, 2 * stage)]


class Lesioned:
    """The accuracy of a net whose blocks run in another order, or not at all."""

    def __init__(self, net: Net, inputs: Tensor, targets: Tensor) -> None:
        self._net, self._targets = net.eval(), targets
        with torch.no_grad():
            self._stream = net.stem(inputs)

    @torch.no_grad()
    def accuracy(self, blocks: Sequence[int]) -> float:
        h = self._stream
        for index in blocks:
            h = self._net.blocks[index](h)
        if isinstance(self._net, PreActResNet):
            h = self._net.end(h).mean((2, 3))
        right = self._net.head(h).argmax(1) == self._targets
        return float(right.float().mean())


def lesion_numbers(net: Net, inputs: Tensor, targets: Tensor, seed: int) -> dict[str, object]:
    """Accuracies: intact, without each block, without several, and in other orders.

    `many` has, for each number of deleted blocks from 0 up to all that can be, the mean over
    NUM_SETS random sets; `taus` and `reordered` have one entry for each of NUM_ORDERS orders.
    """
    lesioned = Lesioned(net, inputs, targets)
    everything = list(range(len(net.blocks)))
    groups = groups_of(net)
    movable = [index for group in groups for index in group]
    rng = np.random.default_rng(seed)

    def without(*gone: int) -> float:
        return lesioned.accuracy([index for index in everything if index not in gone])

    many = [without()]
    for count in range(1, len(movable)):
        sets = [rng.choice(movable, count, replace=False) for _ in range(NUM_SETS)]
        many.append(float(np.mean([without(*map(int, chosen)) for chosen in sets])))
    many.append(without(*movable))
    taus, reordered = [], []
    for number in range(NUM_ORDERS):
        blocks = _exchanged(everything, groups, 1 + number // 2, rng)
        tau = need("scipy.stats").kendalltau(everything, blocks).statistic
        taus.append(float(tau))
        reordered.append(lesioned.accuracy(blocks))
    return {
        "accuracy": many[0],
        "first": without(0),
        "single": [without(index) for index in movable],
        "many": many,
        "taus": taus,
        "reordered": reordered,
    }


def _exchanged(
    blocks: Sequence[int], groups: Sequence[Sequence[int]], times: int, rng: np.random.Generator
) -> list[int]:
    """The order after so many exchanges of two random blocks of one group."""
    found = list(blocks)
    for _ in range(times):
        group = groups[int(rng.integers(len(groups)))]
        if len(group) > 1:
            a, b = (int(i) for i in rng.choice(group, 2, replace=False))
            found[a], found[b] = found[b], found[a]
    return found
