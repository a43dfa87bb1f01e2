"""Monte Carlo over real random torch nets: the twin of the closed forms.

Legend: B samples, N units, K cotangents. Each net is drawn from its own seed, and so are its
skips, inputs and cotangents; the standard error is over nets, never over samples within one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from plusone.theory.activations import FAN_FACTOR, Activation

APPLY: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x_BN: x_BN,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": F.gelu,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """What is drawn: a stack of blocks, as `plusone.theory.setting.Setting` describes it."""

    depth: int
    density: float | None = None
    pattern: Sequence[int] | None = None
    gain: float = 1.0
    scale: float | str | Sequence[float] = 1.0
    norm: str = "none"
    placement: str = "pre"
    activation: Activation = "linear"
    width: int = 256
    batch: int = 16

    def scales(self) -> list[float]:
        """The branch's factor in each block."""
        if isinstance(self.scale, str):
            named = {"1/sqrt(L)": self.depth**-0.5, "1/L": 1 / self.depth}
            return [named[self.scale]] * self.depth
        if isinstance(self.scale, int | float):
            return [float(self.scale)] * self.depth
        return list(self.scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over nets with its standard error."""

    mean: float
    stderr: float

    @classmethod
    def of(cls, values: Tensor) -> Estimate:
        stderr = float(values.std()) / math.sqrt(len(values))
        return cls(mean=float(values.mean()), stderr=stderr)

    def deviations(self, theory: float) -> float:
        """How many standard errors the mean lies above the theory."""
        gap = self.mean - theory
        return gap / self.stderr if self.stderr > 0 else gap / 1e-12


def log_ratios(net: Net, *, num_nets: int, num_cotangents: int = 1, seed: int = 0) -> Tensor:
    """ln(|g_in|^2 / |g_out|^2), a row per net and a column per sample (or per cotangent, if a
    batch norm ties the samples of a batch together)."""
    rows = [_one(net, num_cotangents, seed * 1_000_003 + i) for i in range(num_nets)]
    return torch.stack(rows)


def second_moment(logs: Tensor) -> Estimate:
    """The mean over nets of R, each net's R being its mean over columns."""
    return Estimate.of(logs.double().exp().mean(1))


def mean_log(logs: Tensor) -> Estimate:
    """The mean over nets of ln R."""
    return Estimate.of(logs.double().mean(1))


def variance(logs: Tensor) -> Estimate:
    """The variance of ln R over nets and columns, its error by leaving out one net in turn."""
    logs = logs.double()
    total, squares = logs.mean(1), (logs**2).mean(1)
    n = len(logs)
    left = (squares.sum() - squares) / (n - 1) - ((total.sum() - total) / (n - 1)) ** 2
    stderr = math.sqrt((n - 1) / n * float(((left - left.mean()) ** 2).sum()))
    return Estimate(mean=float(squares.mean() - total.mean() ** 2), stderr=stderr)


def _one(net: Net, num_cotangents: int, seed: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    x_BN = torch.randn(net.batch, net.width, generator=rng).requires_grad_()
    y_BN = _forward(net, x_BN, rng)
    logs = []
    for _ in range(num_cotangents):
        v_BN = torch.randn(y_BN.shape, generator=rng)
        (g_BN,) = torch.autograd.grad(y_BN, x_BN, v_BN, retain_graph=num_cotangents > 1)
        dims = (0, 1) if net.norm == "batch" else (1,)
        logs.append((g_BN.double() ** 2).sum(dims).log() - (v_BN.double() ** 2).sum(dims).log())
    return torch.stack(logs).flatten()


def _forward(net: Net, x_BN: Tensor, rng: torch.Generator) -> Tensor:
    deviation = math.sqrt(net.gain * FAN_FACTOR[net.activation] / net.width)
    for index, alpha in enumerate(net.scales()):
        w_NN = torch.randn(net.width, net.width, generator=rng) * (alpha * deviation)
        if net.pattern is None:
            assert net.density is not None
            has_skip = bool(torch.rand((), generator=rng) < net.density)
        else:
            has_skip = bool(net.pattern[index])
        z_BN = _norm(net, x_BN) if net.placement == "pre" else x_BN
        out_BN = APPLY[net.activation](z_BN) @ w_NN.T
        x_BN = x_BN + out_BN if has_skip else out_BN
        if net.placement == "post":
            x_BN = _norm(net, x_BN)
    return x_BN


def _norm(net: Net, x_BN: Tensor) -> Tensor:
    if net.norm == "layer":
        return F.layer_norm(x_BN, x_BN.shape[1:], eps=0.0)
    if net.norm == "batch":
        return F.batch_norm(x_BN, None, None, training=True, eps=1e-12)
    return x_BN


def log_gaps(net: Net, correlation: float, *, num_nets: int, seed: int = 0) -> Tensor:
    """ln(1 - c) at the output for pairs of inputs with this correlation; a row per net.

    c compares second moments over units, of the two samples of each pair.
    """
    rows = []
    for i in range(num_nets):
        rng = torch.Generator().manual_seed(seed * 1_000_003 + i)
        x_BN = torch.randn(net.batch, net.width, generator=rng)
        z_BN = torch.randn(net.batch, net.width, generator=rng)
        y_BN = correlation * x_BN + math.sqrt(1 - correlation**2) * z_BN
        out_BN, pair_BN = _forward(net, torch.cat([x_BN, y_BN]), rng).double().chunk(2)
        total_B = 0.5 * ((out_BN**2).mean(1) + (pair_BN**2).mean(1))
        rows.append((0.5 * ((out_BN - pair_BN) ** 2).mean(1) / total_B).log())
    return torch.stack(rows)
