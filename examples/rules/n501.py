"""N501 non-finite: a norm without an epsilon meets a token that is zero."""

from __future__ import annotations

from collections.abc import Callable

from packaged_data import Example, on_digits
from torch import Tensor, nn


def broken_norm(x: Tensor) -> Tensor:
    """x over its root mean square."""
    return x / x.square().mean(-1, keepdim=True).sqrt()


class Net(nn.Module):
    """Residual MLPs on the columns of a digit, of which many are blank."""

    def __init__(self, norm: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.norm = norm
        self.embed = nn.Linear(8, 32, bias=False)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32)) for _ in range(4)
        )
        self.head = nn.Linear(8 * 32, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.embed(pixels.view(-1, 8, 8).mT)
        for block in self.blocks:
            x = x + block(self.norm(x))
        logits: Tensor = self.head(x.flatten(1))
        return logits


def broken() -> Example:
    return on_digits(Net(broken_norm))


def mended_norm(x: Tensor) -> Tensor:
    """x over its root mean square."""
    return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()


def mended() -> Example:
    return on_digits(Net(mended_norm))
