"""Which autoencoders train, and whether the verdict knows it.

python -m benchmarks.trainability.autoencoders             # 6 minutes
python -m benchmarks.trainability.autoencoders --narrow    # 5 minutes, codes of 1 to 3 numbers

Random autoencoders of digits, half of them variational, are scanned and then trained. One trains if
it explains .85 of the variance that one with a single hidden layer a side explains with as large a
code. Printed: how often the verdict of `plusone.scan` is right, and its AUC; it was fitted on nets
that predict, none of them with a code.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from benchmarks.trainability.scores import auc
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional as F

import plusone
from plusone.labs.data.images import digits

RATES = (1e-3, 3e-3)
NUM_STEPS = 400
TRAINS_FROM = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Arch:
    """`depth` layers a side with `skips` around each but the outer ones; gain of the weights'
    second moment, 1 keeping it in a linear net."""

    seed: int
    depth: int
    activation: str
    gain: float
    code: int
    skips: bool
    is_variational: bool


def random_arch(seed: int) -> Arch:
    """One architecture, from its seed."""
    rng = random.Random(seed)
    return Arch(
        seed=seed,
        depth=rng.choice((1, 2, 4, 8, 12, 20)),
        activation=rng.choice(("tanh", "relu", "gelu")),
        gain=rng.choice((0.5, 1.0, 1.4, 2.0, 3.0)),
        code=rng.choice((4, 8, 16)),
        skips=rng.random() < 0.4,
        is_variational=rng.random() < 0.5,
    )


class Layer(nn.Module):
    """A layer with its activation and, perhaps, a skip around it."""

    def __init__(self, arch: Arch, width: int) -> None:
        super().__init__()
        self.linear, self.arch = _linear(width, width, arch.gain), arch

    def forward(self, x: Tensor) -> Tensor:
        """Of x [N, width]."""
        y: Tensor = getattr(torch if self.arch.activation == "tanh" else F, self.arch.activation)(
            self.linear(x)
        )
        return x + self.arch.depth**-0.5 * y if self.arch.skips else y


class Autoencoder(nn.Module):
    """Pictures [N, 64] to their reconstructions."""

    def __init__(self, arch: Arch, width: int = 48) -> None:
        super().__init__()
        torch.manual_seed(arch.seed)
        self.arch = arch
        inner = 2 * arch.code if arch.is_variational else arch.code
        self.first = _linear(64, width, 1.0)
        self.encoder = nn.Sequential(*(Layer(arch, width) for _ in range(arch.depth)))
        self.to_code = _linear(width, inner, 1.0)
        self.of_code = _linear(arch.code, width, 1.0)
        self.decoder = nn.Sequential(*(Layer(arch, width) for _ in range(arch.depth)))
        self.last = _linear(width, 64, 1.0)

    def code(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The latent that is decoded, and the divergence from the standard normal per sample."""
        found: Tensor = self.to_code(self.encoder(self.first(x)))
        if not self.arch.is_variational:
            return found, found.new_zeros(len(x))
        mean, log_variance = found.chunk(2, 1)
        noise = torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
        return mean + noise, divergence

    def decode(self, z: Tensor) -> Tensor:
        """The pictures that codes stand for."""
        found: Tensor = self.last(self.decoder(self.of_code(z)))
        return found

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction."""
        return self.decode(self.code(x)[0])


def explained(arch: Arch, data: Tensor, rate: float) -> float:
    """The share of the variance that a net explains after training, without noise in its code."""
    net = Autoencoder(arch)
    optimiser = torch.optim.Adam(net.parameters(), rate)
    generator = torch.Generator().manual_seed(arch.seed)
    for _ in range(NUM_STEPS):
        x = data[torch.randint(len(data), (64,), generator=generator)]
        z, divergence = net.code(x)
        # The noise of the pictures is taken as 1/10 of their standard deviation, squared.
        loss = 50.0 * (net.decode(z) - x).square().sum(1).mean() / 64 + 0.1 * divergence.mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        optimiser.step()
    with torch.no_grad():
        left = float((net(data) - data).square().sum() / data.square().sum())
    return 1.0 - left if np.isfinite(left) else -1.0


def trains(arch: Arch, data: Tensor, shallow: dict[Arch, float]) -> bool:
    """Whether the better of two rates comes to `TRAINS_FROM` of what the shallow one explains."""
    near = replace(arch, seed=0, depth=1, gain=1.4, skips=False)
    if near not in shallow:
        shallow[near] = max(explained(near, data, rate) for rate in RATES)
    found = max(explained(arch, data, rate) for rate in RATES)
    return found >= TRAINS_FROM * shallow[near]


def scanned(arch: Arch, data: Tensor) -> tuple[str, float]:
    """The label of the verdict and its probability to train."""
    x = data[:64]
    report = plusone.scan(
        Autoencoder(arch), x, targets=x, loss_fn=F.mse_loss, quick=True, timed=False
    )
    verdict = report.verdict
    return ("none", 0.0) if verdict is None else (verdict.label, verdict.probability)


def narrow_arch(seed: int) -> Arch:
    """The same with a code of 1 to 3 numbers."""
    return replace(random_arch(seed), code=(2, 2, 1, 3)[seed % 4])


def rows(archs: list[Arch], data: Tensor) -> Iterable[tuple[Arch, bool, str, float]]:
    """Each architecture with whether it trains and what was said of it before."""
    shallow: dict[Arch, float] = {}
    for arch in track(archs, description="autoencoders"):
        yield arch, trains(arch, data, shallow), *scanned(arch, data)


def main() -> None:
    """Print the table and what both verdicts come to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--narrow", action="store_true", help="48 with codes of 1 to 3 numbers")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = digits().inputs
    data = (data - data.mean(0)) / data.std()
    archs = [random_arch(seed) for seed in range(options.count)]
    if options.narrow:
        archs = [narrow_arch(seed) for seed in range(1000, 1048)]
    found = list(rows(archs, data))
    for arch, is_good, label, chance in found:
        kind = "variational" if arch.is_variational else "plain"
        print(
            f"{arch.seed:4} {kind:11} code {arch.code:2} depth {arch.depth:2} {arch.activation:4}"
            f" gain {arch.gain:.1f} {'skips' if arch.skips else '     '}"
            f" {'trains' if is_good else '-':6} {label:14} {chance:.2f}"
        )
    good, chances = (np.array([row[column] for row in found]) for column in (1, 3))
    noisy = np.array([row[0].is_variational for row in found])
    groups = {"all": noisy | ~noisy, "variational": noisy, "plain": ~noisy}
    codes = np.array([row[0].code for row in found])
    groups |= {f"code of {k}": codes == k for k in sorted(set(codes.tolist()))}
    for name, some in groups.items():
        accuracy = ((chances >= 0.5) == good)[some].mean()
        print(
            f"{name}: {some.sum()}, {good[some].mean():.0%} train; the verdict is right on "
            f"{accuracy:.0%}, AUC {auc(chances[some], good[some]):.3f}"
        )


def _linear(fan_in: int, fan_out: int, gain: float) -> nn.Linear:
    layer = nn.Linear(fan_in, fan_out)
    nn.init.normal_(layer.weight, std=gain * fan_in**-0.5)
    nn.init.zeros_(layer.bias)
    return layer


if __name__ == "__main__":
    main()
