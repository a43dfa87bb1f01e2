"""J401 block-out-of-line: a block that was put in behind the initialisation."""

from __future__ import annotations

from packaged_data import Example, on_digits
from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(64)
        self.up, self.down = nn.Linear(64, 128), nn.Linear(128, 64)

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.down(F.gelu(self.up(self.norm(x))))
        return x + branch


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(64, 64)
        self.blocks = nn.ModuleList(Block() for _ in range(10))
        self.norm, self.head = nn.LayerNorm(64), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(self.norm(x))
        return logits


def small(module: nn.Module) -> None:
    """GPT-2's start."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


def broken() -> Example:
    net = Net()
    net.apply(small)
    net.blocks[6] = Block()
    return on_digits(net)


def mended() -> Example:
    net = Net()
    net.blocks[6] = Block()
    net.apply(small)
    return on_digits(net)
