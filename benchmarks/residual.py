"""`Residual` side by side with the same block written by hand, and with timm's parts.

    python benchmarks/residual.py [--rounds 100] [--markdown docs/nn.md]

One thread, CPU time of this process, interleaved: each round times every net of a pair once, and a
ratio is the median over rounds of the ratios within a round, with its 95 % interval. Compiled nets
are compiled by inductor with fullgraph=True, which refuses a graph break. `--markdown` replaces the
figures between the two marks in that page.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch
from torch import Tensor, nn

from plusone.nn import ConstantScale, Join, LayerScale, Residual, ReZero, StochasticDepth
from plusone.target.torchvision import make_importable

DEPTH, DROP, GAMMA = 2, 0.1, 0.1
EAGER_GOAL, COMPILED_GOAL = 1.05, 1.02
BEGIN, END = "<!-- figures of benchmarks/residual.py -->", "<!-- end of figures -->"


class Plain(nn.Module):
    """x + f(x), the lines that a user would write."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class Halved(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return x + 0.5 * self.branch(x)


class Gated(Plain):
    def __init__(self, branch: nn.Module) -> None:
        super().__init__(branch)
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.alpha * self.branch(x)


class Channels(Plain):
    """timm's LayerScale behind the branch."""

    def __init__(self, branch: nn.Module, channels: int, axis: int) -> None:
        super().__init__(branch)
        from timm.layers import LayerScale, LayerScale2d

        self.scale = (LayerScale2d if axis == 1 else LayerScale)(channels, GAMMA)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale(self.branch(x))


class Dropped(Plain):
    """timm's DropPath behind the branch."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__(branch)
        from timm.layers import DropPath

        self.drop = DropPath(DROP)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop(self.branch(x))


class Both(Channels):
    """A block of timm's transformers: x + drop_path(layer_scale(f(x)))."""

    def __init__(self, branch: nn.Module, channels: int, axis: int) -> None:
        super().__init__(branch, channels, axis)
        from timm.layers import DropPath

        self.drop = DropPath(DROP)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop(self.scale(self.branch(x)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A branch of realistic size, and the shape of its input."""

    name: str
    branch: Callable[[], nn.Module]
    shape: tuple[int, ...]
    channels: int
    axis: int

    def pairs(self) -> dict[str, tuple[Callable[[nn.Module], nn.Module], ...]]:
        """By name: ours and the other's."""

        def layer_scale() -> Join:
            return LayerScale(self.channels, start=GAMMA, axis=self.axis)

        def drop() -> StochasticDepth:
            return StochasticDepth(DROP)

        return {
            "x + f(x)": (Residual, Plain),
            "x + 0.5 f(x)": (lambda f: Residual(f, scale=ConstantScale(0.5)), Halved),
            "x + alpha f(x)": (lambda f: Residual(f, scale=ReZero()), Gated),
            "LayerScale of timm": (
                lambda f: Residual(f, scale=layer_scale()),
                lambda f: Channels(f, self.channels, self.axis),
            ),
            "DropPath of timm": (lambda f: Residual(f, drop=drop()), Dropped),
            "both": (
                lambda f: Residual(f, scale=layer_scale(), drop=drop()),
                lambda f: Both(f, self.channels, self.axis),
            ),
        }


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(256, 256), nn.GELU(), nn.Linear(256, 256))


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(32, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
    )


HOSTS = (
    Host(name="Linear-GELU-Linear, 256", branch=mlp, shape=(8, 64, 256), channels=256, axis=-1),
    Host(
        name="3x3 convolutions, 32", branch=convolutions, shape=(8, 32, 16, 16), channels=32, axis=1
    ),
)


def net(make: Callable[[nn.Module], nn.Module], branch: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(*(make(branch()) for _ in range(DEPTH)))


def forward(net: nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        net(x)


def step(net: nn.Module, x: Tensor) -> None:
    net(x).sum().backward()


def seconds(call: Callable[[], object], repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def interleaved(
    calls: list[Callable[[], object]], rounds: int, repeats: int = 1
) -> list[list[float]]:
    """The seconds of each call in each round; every second round runs them the other way round."""
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        seconds(call, repeats)
    for number in range(rounds):
        order = list(enumerate(calls))
        for place, call in order if number % 2 else reversed(order):
            times[place].append(seconds(call, repeats))
    return times


def ratio(ours: list[float], theirs: list[float]) -> str:
    """The median with its 95 % interval, 1.57 quartile ranges / sqrt(n) to each side."""
    found = [a / b for a, b in zip(ours, theirs, strict=True)]
    low, median, high = statistics.quantiles(found, n=4)
    return f"{median:.3f} ± {1.57 * (high - low) / len(found) ** 0.5:.3f}"


def compared(nets: list[nn.Module], x: Tensor, rounds: int) -> tuple[str, str]:
    """Ours of theirs: forward alone, and forward with backward."""
    found = []
    for run in (forward, step):
        calls = [lambda net=net, run=run: run(net, x) for net in nets]
        found.append(ratio(*interleaved(calls, rounds)))
    return found[0], found[1]


def table(rounds: int, *, is_compiled: bool) -> list[str]:
    goal = COMPILED_GOAL if is_compiled else EAGER_GOAL
    more = " graph breaks |" if is_compiled else ""
    lines = [
        f"| branch | block | forward | forward and backward | goal |{more}",
        f"|---|---|---|---|---|{'---|' if is_compiled else ''}",
    ]
    for host in HOSTS:
        x = torch.randn(host.shape)
        for name, makers in host.pairs().items():
            nets = [net(make, host.branch) for make in makers]
            breaks = ""
            if is_compiled:
                if name not in ("x + f(x)", "both"):
                    continue
                torch.compiler.reset()
                breaks = f" {torch._dynamo.explain(nets[0])(x).graph_break_count} |"
                torch.compiler.reset()
                nets = [torch.compile(net, fullgraph=True) for net in nets]
            found = compared(nets, x, rounds)
            line = f"| {host.name} | {name} | {found[0]} | {found[1]} | {goal} |{breaks}"
            print(line, flush=True)
            lines.append(line)
    return lines


class Nothing(nn.Module):
    """A branch that costs next to nothing, so that the block itself is left."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def overhead(rounds: int) -> list[str]:
    """Microseconds of a block over the bare sum, on 16 numbers and without gradients."""
    x, empty = torch.randn(1, 16), Nothing()
    blocks = {
        "x + f(x), a module written by hand": Plain(empty),
        "Residual(f)": Residual(empty),
        "Residual(f, scale=0.5)": Residual(empty, scale=0.5),
        "x + 0.5 f(x) by hand": Halved(empty),
        "Residual(f, scale=LayerScale, drop=0.1), training": Residual(
            empty, scale=LayerScale(16, start=GAMMA), drop=DROP
        ),
        "timm's LayerScale and DropPath by hand, training": Both(empty, 16, -1),
    }
    with torch.no_grad():
        calls = [lambda: x + empty(x), *(lambda b=b: b(x) for b in blocks.values())]
        bare, *times = interleaved(calls, rounds, repeats=1000)
    lines = ["| block | microseconds above x + f(x) without a module |", "|---|---|"]
    for name, found in zip(blocks, times, strict=True):
        more = statistics.median(a - b for a, b in zip(found, bare, strict=True))
        lines.append(f"| {name} | {1e6 * more:.2f} |")
    print("\n".join(lines[2:]), flush=True)
    return lines


def page(parts: dict[str, list[str]]) -> str:
    head = (
        f"Written by `python benchmarks/residual.py --markdown docs/nn.md` on "
        f"{date.today().isoformat()}, torch {torch.__version__}, one thread: nets of {DEPTH} "
        "blocks, time of `Residual`'s over that of the block written by hand."
    )
    return "\n".join([head, "", *(line for p in parts for line in (f"{p}:", "", *parts[p], ""))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    make_importable()
    parts = {
        "Eager": table(options.rounds, is_compiled=False),
        "Compiled": table(options.rounds, is_compiled=True),
        "The block itself": overhead(options.rounds),
    }
    if options.markdown:
        before, rest = options.markdown.read_text("utf-8").split(BEGIN)
        text = f"{before}{BEGIN}\n{page(parts)}\n{END}{rest.split(END)[1]}"
        options.markdown.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
