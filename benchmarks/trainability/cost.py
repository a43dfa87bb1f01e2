"""What the verdict and its competitors cost on models of a usual size, as ratios to one f+b.

    OMP_NUM_THREADS=1 python -m benchmarks.trainability.cost [--rounds 7]

One thread, CPU time, interleaved: each round times one forward+backward and then each of the
others on the same model and batch of 16; the ratio is that of the medians. Writes `cost.csv`.
"""

from __future__ import annotations

import argparse
import csv
import gc
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from benchmarks.scan import gpt2, resnet20, resnet50
from benchmarks.trainability import proxies
from torch import nn
from torch.nn import functional as F

import plusone

COST = Path(__file__).with_name("cost.csv")
BATCH = 16
VERDICT = "the verdict (`plusone scan --quick`)"


class _Logits(nn.Module):
    """A model as one that takes a tensor and gives logits [samples, classes]."""

    def __init__(self, model: nn.Module, name: str, keywords: dict[str, object]) -> None:
        super().__init__()
        self.model, self.name, self.keywords = model, name, keywords

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.model(**{self.name: x}, **self.keywords) if self.name else self.model(x)
        logits: torch.Tensor = getattr(out, "logits", out)
        return logits[:, -1] if logits.dim() == 3 else logits


def _models() -> dict[str, tuple[nn.Module, torch.Tensor]]:
    found = {}
    for name, call in {"ResNet-20": resnet20, "ResNet-50": resnet50, "GPT-2 small": gpt2}.items():
        model, args, kwargs = call()
        key = "" if args else "input_ids"
        x = args[0] if args else kwargs.pop("input_ids")
        assert isinstance(x, torch.Tensor)
        x = torch.cat([x] * (BATCH // len(x)))
        x = torch.randn(x.shape) if x.is_floating_point() else torch.randint(0, 5000, x.shape)
        found[name] = (_Logits(model, key, kwargs), x)
    return found


def _stages(net: nn.Module, x: torch.Tensor) -> dict[str, Callable[[], object]]:
    targets = torch.arange(len(x)) % 10

    def plain() -> None:
        loss = F.cross_entropy(net(x), targets)
        torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)

    stages: dict[str, Callable[[], object]] = {
        "forward+backward": plain,
        VERDICT: lambda: plusone.scan(net, x, quick=True, timed=False),
        "gradient norm, SNIP": lambda: proxies.gradient_scores(net, x, targets),
        "GraSP": lambda: proxies.grasp(net, x, targets),
    }
    if x.is_floating_point():
        stages["NTK condition number"] = lambda: proxies.ntk_condition(net, x)
        stages["Jacobian covariance"] = lambda: proxies.jacobian_covariance(net, x)
    return stages


def measured(net: nn.Module, x: torch.Tensor, rounds: int) -> dict[str, float]:
    """Seconds of each stage over those of one forward+backward."""
    stages = _stages(net, x)
    seconds: dict[str, list[float]] = {name: [] for name in stages}
    for turn in range(rounds + 1):
        for name, work in stages.items():
            gc.collect()
            start = time.process_time()
            try:
                work()
            except RuntimeError:  # no second derivative of fused attention
                seconds[name].append(float("nan"))
                continue
            if turn:
                seconds[name].append(time.process_time() - start)
    unit = statistics.median(seconds["forward+backward"])
    return {name: statistics.median(s) / unit for name, s in seconds.items() if s}


def main() -> None:
    """Time all, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with COST.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["model", "what", "ratio"])
        for name, (net, x) in _models().items():
            for what, ratio in measured(net, x, options.rounds).items():
                writer.writerow([name, what, f"{ratio:.3g}"])
                file.flush()
                print(f"{name:12} {what:40} {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
