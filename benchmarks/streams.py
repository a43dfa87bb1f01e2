"""Several residual streams side by side with lucidrains' package: time and stored activations.

    python benchmarks/streams.py [--rounds 15] [--markdown docs/streams.md]

One thread, CPU time of this process, interleaved: each round times one forward and backward of
every net, and a ratio is the median over rounds of the ratios within a round. Stored activations
are the storages that the graph keeps, parameters apart, each counted once.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import hyper_connections as lucidrains
import torch
from hyper_connections import mHCv2
from hyper_connections.manifold_constrained_hyper_connections import sinkhorn_knopps
from torch import Tensor, nn

from plusone.nn.streams import (
    HyperConnection,
    ManifoldHyperConnection,
    SinkhornMixing,
    expand_streams,
    reduce_streams,
    sinkhorn,
)

STREAMS, WIDTH, TOKENS, DEPTH = 4, 256, 512, 8
PEER = "lucidrains mHC"
OURS = "mHC, Sinkhorn"


class Net(nn.Module):
    """Blocks between a function that makes streams and one that ends them."""

    def __init__(
        self,
        make: Callable[[int, nn.Module], nn.Module],
        expand: Callable[[Tensor], Tensor],
        reduce: Callable[[Tensor], Tensor],
        depth: int = DEPTH,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(make(layer, branch()) for layer in range(depth))
        self.expand, self.reduce = expand, reduce

    def forward(self, x: Tensor) -> Tensor:
        x = self.expand(x)
        for block in self.blocks:
            x = block(x)
        return self.reduce(x)


class Residual(nn.Module):
    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


def branch() -> nn.Module:
    """A transformer's feed-forward branch."""
    return nn.Sequential(
        nn.LayerNorm(WIDTH),
        nn.Linear(WIDTH, 4 * WIDTH),
        nn.GELU(),
        nn.Linear(4 * WIDTH, WIDTH),
    )


def ours(**options: object) -> Net:
    def make(layer: int, branch: nn.Module) -> nn.Module:
        return ManifoldHyperConnection(branch, WIDTH, layer=layer, streams=STREAMS, **options)

    return Net(make, lambda x: expand_streams(x, STREAMS), reduce_streams)


def ours_free(**options: object) -> Net:
    def make(layer: int, branch: nn.Module) -> nn.Module:
        return HyperConnection(branch, WIDTH, layer=layer, streams=STREAMS, **options)

    return Net(make, lambda x: expand_streams(x, STREAMS), reduce_streams)


def theirs(module: type[nn.Module], functions: Callable[[int], tuple[nn.Module, nn.Module]]) -> Net:
    def make(layer: int, branch: nn.Module) -> nn.Module:
        return module(STREAMS, dim=WIDTH, branch=branch, layer_index=layer)

    return Net(make, *functions(STREAMS))


def nets() -> dict[str, Net]:
    folded = lucidrains.get_expand_reduce_stream_functions
    return {
        "plain residual": Net(lambda _, branch: Residual(branch), nn.Identity(), nn.Identity()),
        PEER: theirs(lucidrains.mHC, folded),
        "lucidrains mHCv2": theirs(mHCv2.mHC, mHCv2.get_expand_reduce_stream_functions),
        "lucidrains HC": theirs(lucidrains.HyperConnections, folded),
        OURS: ours(),
        "mHC, Sinkhorn, implicit gradient": ours(
            mixing=SinkhornMixing(STREAMS, gradient="implicit")
        ),
        "mHC, birkhoff": ours(mixing="birkhoff"),
        "mHC, kronecker": ours(mixing="kronecker"),
        "mHC, orthogonal": ours(mixing="orthogonal"),
        "mHC, orthostochastic": ours(mixing="orthostochastic"),
        "mHC, identity": ours(mixing="identity"),
        "mHC, Sinkhorn, static": ours(dynamic=False),
        "HC": ours_free(),
        "HC, static": ours_free(dynamic=False),
    }


def seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def interleaved(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """The seconds of each call in each round, after one round that does not count."""
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(seconds(call))
    return times


def ratio(times: dict[str, list[float]], one: str, other: str) -> float:
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))


def stored_mebibytes(net: nn.Module, x: Tensor) -> float:
    own = {p.untyped_storage().data_ptr() for p in net.parameters()}
    stored: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            stored[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = net(x)
    assert output.requires_grad
    return sum(stored.values()) / 2**20


def step(net: nn.Module, x: Tensor) -> None:
    net.zero_grad()
    net(x).square().mean().backward()


def blocks_table(rounds: int) -> tuple[list[str], list[str]]:
    """The table of all nets, and the two figures that have goals."""
    made = nets()
    x = torch.randn(1, TOKENS, WIDTH)
    calls = {name: (lambda net=net: step(net, x)) for name, net in made.items()}
    times = interleaved(calls, rounds)
    stored = {name: stored_mebibytes(net, x) for name, net in made.items()}
    base = next(iter(made))
    lines = [
        "| net | ms | of plain | of lucidrains mHC | stored, MiB | of lucidrains mHC |",
        "|---|---|---|---|---|---|",
    ]
    for name in made:
        lines.append(
            f"| {name} | {1e3 * statistics.median(times[name]):.0f} | "
            f"{ratio(times, name, base):.2f} | {ratio(times, name, PEER):.2f} | "
            f"{stored[name]:.1f} | {stored[name] / stored[PEER]:.2f} |"
        )
    return lines, [
        f"| 4-stream mHC, time of {PEER} | {ratio(times, OURS, PEER):.2f} | 0.65 |",
        f"| 4-stream mHC, stored of {PEER} | {stored[OURS] / stored[PEER]:.3f} | 0.50 |",
    ]


def sinkhorn_figures(rounds: int) -> list[str]:
    """20 rounds on 512 matrices of 4 x 4, forward and backward, of lucidrains' time."""
    logits = torch.randn(TOKENS, STREAMS, STREAMS, requires_grad=True)
    weights = torch.randn(TOKENS, STREAMS, STREAMS)

    def backward(matrix: Tensor) -> None:
        torch.autograd.grad(matrix, logits, weights)

    times = interleaved(
        {
            "lucidrains": lambda: backward(sinkhorn_knopps(logits)),
            "rounds": lambda: backward(sinkhorn(logits)),
            "implicit": lambda: backward(sinkhorn(logits, gradient="implicit")),
        },
        20 * rounds,
    )
    return [
        f"| Sinkhorn alone, 512 of 4 x 4, gradient of {name}, time of lucidrains' | "
        f"{ratio(times, name, 'lucidrains'):.3f} | 0.15 |"
        for name in ("rounds", "implicit")
    ]


def compiled_figures(rounds: int) -> list[str]:
    """Of a compiled plain net's time, all compiled by inductor; one layer of two branches."""
    whole, x = nets(), torch.randn(1, TOKENS, WIDTH)
    compiled = {
        name: torch.compile(two_blocks(whole[name]))
        for name in ("plain residual", PEER, OURS, "mHC, identity")
    }
    times = interleaved(
        {name: (lambda net=net: step(net, x)) for name, net in compiled.items()}, rounds
    )
    goals = {OURS: "1.35", "mHC, identity": "1.10", PEER: ""}
    return [
        f"| {name}, compiled, time of a compiled plain net | "
        f"{ratio(times, name, 'plain residual'):.2f} | {goal} |"
        for name, goal in goals.items()
    ]


def two_blocks(net: Net) -> Net:
    blocks = list(net.blocks[:2])
    return Net(lambda layer, _: blocks[layer], net.expand, net.reduce, depth=2)


def page(table: list[str], goals: list[str]) -> str:
    return "\n".join(
        [
            "# Residual nets with several streams",
            "",
            f"Written by `python benchmarks/streams.py --markdown docs/streams.md` on "
            f"{date.today().isoformat()}, torch {torch.__version__}, one thread, "
            "hyper-connections 0.4.11.",
            "",
            f"{DEPTH} blocks, each a feed-forward branch of width {WIDTH} and {4 * WIDTH} with a "
            f"layer norm, on {TOKENS} tokens and {STREAMS} streams; forward and backward. Ratios "
            "are medians of ratios within interleaved rounds. Stored: what autograd keeps for the "
            "backward pass, parameters apart.",
            "",
            "| figure | measured | goal, at most |",
            "|---|---|---|",
            *goals,
            "",
            *table,
            "",
            NOTES,
        ]
    )


NOTES = """\
Ours projects all streams together to all weights, as the paper has it; lucidrains projects each
stream by itself, which is a quarter of the work. Time is saved by a layout with an axis for
streams (no copies into the batch and back), one batched product for H_res and one fused
multiply-add for the branch's output; memory by storing each stream tensor once.

Sinkhorn's gradient is by default that of the 20 rounds, computed anew in the backward pass. The
implicit one, of their limit, is cheaper, but not the gradient of what is computed: at the paper's
initial logits 6I - 3 rounds converge slowly, and the two differ by about a half
(`tests/nn/streams/test_sinkhorn.py`).
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    table, goals = blocks_table(options.rounds)
    goals += sinkhorn_figures(options.rounds)
    goals += compiled_figures(options.rounds)
    print("\n".join([*table, "", *goals]))
    if options.markdown:
        options.markdown.write_text(page(table, goals))


if __name__ == "__main__":
    main()
