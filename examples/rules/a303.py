"""A303 parallel-inputs: a plain ReLU net with the weights that PyTorch gives it."""

from __future__ import annotations

from packaged_data import Example, on_digits
from torch import Tensor, nn
from torch.nn import functional as F


class Net(nn.Module):
    """Seven hidden layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(64, 64)
        self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(7))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = F.relu(layer(x))
        logits: Tensor = self.head(x)
        return logits


def broken() -> Example:
    net = Net()
    return on_digits(net)


def mended() -> Example:
    net = Net()
    for layer in net.layers:
        nn.init.kaiming_normal_(layer.get_parameter("weight"))
        nn.init.zeros_(layer.get_parameter("bias"))
    return on_digits(net)
