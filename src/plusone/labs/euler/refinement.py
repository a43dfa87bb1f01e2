"""A trained net on a finer grid: each block twice, with half the step or as it is.

A plain block F is also a step of Euler's method: of size 1 along F(x) - x. So it has a finer grid
too, on which it computes x + h (F(x) - x) with h below 1.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap
from torch.nn import functional as F

from plusone.labs.data import Split, digits, mnist
from plusone.labs.training import TrainConfig, accuracy, train
from plusone.nn import RK4, Euler, refined
from plusone.theory import euler_growth

STEPS = (0.125, 1.0, 4.0)
PLAIN = "plain"


def data_of(name: str) -> Split:
    """Digits as they come, [N, 64]; MNIST averaged to 14 x 14 places, 4,000 and 1,000 of them."""
    if name == "digits":
        return digits()
    data = mnist()
    x, test = (F.avg_pool2d(x, 2).flatten(1) for x in (data.inputs, data.test_inputs))
    return Split(x[::5], data.targets[::5], test, data.test_targets)


class Net(nn.Module):
    """A stem, blocks x + h tanh(W x + b) (or tanh(W x + b) where h is None), and a head."""

    def __init__(self, num_inputs: int, width: int, depth: int, step: float | None) -> None:
        super().__init__()
        layers = [nn.Linear(width, width) for _ in range(depth)]
        branches = [nn.Sequential(layer, nn.Tanh()) for layer in layers]
        self.stem = nn.Linear(num_inputs, width)
        self.blocks = nn.Sequential(
            *(branch if step is None else Euler(branch, step=step) for branch in branches)
        )
        self.head = nn.Linear(width, 10)
        if step is None:  # PyTorch's own start lets the gradient of tanh layers vanish
            for layer in layers:
                nn.init.orthogonal_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.blocks(self.stem(x)))
        return logits

    def over(self, blocks: nn.Sequential) -> Net:
        """The same net with other blocks."""
        other = copy.copy(self)
        other._modules = {**self._modules, "blocks": blocks}
        return other


def doubled(blocks: nn.Sequential) -> nn.Sequential:
    """Every block twice, as it is."""
    return nn.Sequential(*(block for block in blocks for _ in range(2)))


class Change(nn.Module):
    """F(x) - x: what a block without a skip changes of its input."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.block(x) - x
        return changed


def as_steps(blocks: nn.Sequential) -> nn.Sequential:
    """The same blocks as steps of Euler's method; those without a skip along F(x) - x."""
    return nn.Sequential(
        *(b if isinstance(b, Euler) else Euler(Change(b), step=1.0) for b in blocks)
    )


def measure_refinement(
    name: str, shape: tuple[int, int], step: float | None, config: TrainConfig
) -> Mapping[str, object]:
    """Test accuracies of one net (width, depth): trained, on finer grids, and duplicated.

    `growth` is the mean over blocks and eight samples of max |1 + h lambda|.
    """
    data = data_of(name)
    model = Net(data.inputs.shape[1], *shape, step)
    train(model, data.inputs, data.targets, config)

    def score(blocks: nn.Sequential) -> float:
        return accuracy(model.over(blocks), data.test_inputs, data.test_targets)

    twice = doubled(model.blocks)
    half = refined(as_steps(model.blocks))
    quarter = refined(half)
    found: dict[str, object] = {
        "trained": score(model.blocks),
        "doubled": [score(twice), score(doubled(twice))],
        "refined": [score(half), score(quarter)],
        "as_steps": score(as_steps(model.blocks)),
    }
    if step is None:
        return found
    better = nn.Sequential(*(RK4(b.branch, step=b.step) for b in quarter if isinstance(b, Euler)))
    return {
        **found,
        "exact": score(better),
        "growth": _growth(model, data.test_inputs[:8]),
    }


def _growth(model: Net, x: Tensor) -> float:
    found = []
    with torch.no_grad():
        x = model.stem(x)
        for block in model.blocks:
            assert isinstance(block, Euler)
            jacobians = vmap(jacrev(block.branch))(x)
            found += [euler_growth(torch.linalg.eigvals(j).numpy(), block.step) for j in jacobians]
            x = block(x)
    return sum(found) / len(found)
