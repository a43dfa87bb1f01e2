"""Many nets of one depth in one tensor, each with its own pattern of skips and learning rate.

Axes: M nets, B samples, N units, L blocks.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Stack(nn.Module):
    """`forward(x [B, inputs])` to logits [M, B, classes] of M nets x <- s x + W relu(x) + b.

    `skips_ML` says which blocks have a skip. Net m starts from the weights that its row in
    `drawn_M` names, so that nets which differ in their rate alone start alike. Weights have
    variance 2 gain / N in the blocks and 1 / fan-in in stem and head; biases are zero.

    The parameters are w / rate_m. With the loss `summed_loss`, which divides by the rate too, their
    gradient is that of w, and an optimiser at the rate 1, Adam or SGD, moves each net as alone at
    its own rate.
    """

    def __init__(
        self,
        skips_ML: Tensor,
        drawn_M: Tensor,
        rates_M: Tensor,
        *,
        width: int,
        gain: float,
        sizes: tuple[int, int],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        num_nets, depth = skips_ML.shape
        num_drawn = int(drawn_M.max()) + 1
        rates = rates_M[:, None, None]

        def made(rows: int, columns: int, variance: float) -> nn.Parameter:
            drawn = torch.randn(num_drawn, rows, columns, generator=generator)
            return nn.Parameter(drawn[drawn_M] * math.sqrt(variance) / rates)

        def zeros(columns: int) -> nn.Parameter:
            return nn.Parameter(torch.zeros(num_nets, 1, columns))

        num_inputs, num_classes = sizes
        self.register_buffer("rates", rates)
        self.register_buffer("skips_LM", skips_ML.T.float()[:, :, None, None])
        self.stem, self.stem_bias = made(num_inputs, width, 1 / num_inputs), zeros(width)
        self.weights = nn.ParameterList(made(width, width, 2 * gain / width) for _ in range(depth))
        self.biases = nn.ParameterList(zeros(width) for _ in range(depth))
        self.head, self.head_bias = made(width, num_classes, 1 / width), zeros(num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.stream(x)[2]

    def stream(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The stream before the first block and behind the last, [M, B, N], and the logits."""
        rates = self.get_buffer("rates")
        first = last = rates * (torch.matmul(x, self.stem) + self.stem_bias)
        skips = self.get_buffer("skips_LM")
        for weight, bias, skip in zip(self.weights, self.biases, skips, strict=True):
            branch = torch.baddbmm(bias, last.relu(), weight)
            last = torch.addcmul(rates * branch, skip, last)
        return first, last, rates * torch.baddbmm(self.head_bias, last, self.head)

    def summed_loss(self, logits_MBC: Tensor, targets: Tensor) -> Tensor:
        """sum_m loss_m / rate_m over the nets whose loss is finite.

        A net that is no longer finite has no part in the sum, and others share no weight with it.
        """
        found = losses(logits_MBC, targets) / self.get_buffer("rates").flatten()
        return torch.where(torch.isfinite(found), found, 0.0).sum()


def losses(logits_MBC: Tensor, targets: Tensor) -> Tensor:
    """The mean cross entropy of each net, [M]."""
    repeated = targets.repeat(len(logits_MBC))
    each = F.cross_entropy(logits_MBC.flatten(0, 1), repeated, reduction="none")
    return each.view(len(logits_MBC), -1).mean(1)


def start_decades(net: Stack, x: Tensor, targets: Tensor) -> Tensor:
    """log10(|g_in| / |g_out|) of each net, [M]: the norms are over samples and units."""
    first, last, logits = net.stream(x)
    found = torch.autograd.grad(losses(logits, targets).sum(), (first, last))
    g_in, g_out = (g.double().flatten(1).norm(dim=1) for g in found)
    return torch.log10(g_in / g_out)


@torch.no_grad()
def accuracies(net: Stack, x: Tensor, targets: Tensor) -> Tensor:
    """The share that each net gets right, [M]; a sample whose logits are not finite is wrong."""
    logits = net(x)
    is_right: Tensor = (logits.argmax(-1) == targets) & torch.isfinite(logits).all(-1)
    return is_right.double().mean(1)
