"""How often the stated errors of eigenvalues hold: `python benchmarks/landscape_coverage.py`.

120 MLPs of 37 to 1,028 parameters, in float64, with drawn shapes, activations, tasks and batches,
trained for 0 to 300 steps. The truth is the dense Hessian (`torch.func.hessian`). Of each, the ends
are estimated from three seeds at two tolerances, and counted is how often the truth lies within the
stated error. Two minutes on one thread; `--nets N` takes fewer.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.landscape import EigenConfig, NotConvergedWarning, terrain, top_eigenvalues

SEEDS = (0, 1, 2)
# What rounding may make of the dense Hessian, over its largest eigenvalue; errors of 1e-16 are
# stated where Lanczos goes on for the other end.
ROUNDING = 1e-12
LossFn = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """A small net with its batch and its loss."""

    model: nn.Module
    x: Tensor
    y: Tensor
    loss_fn: LossFn


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One estimate of one end beside the truth."""

    end: str
    tol: float
    is_within: bool
    converged: bool
    num_products: int


def drawn(seed: int) -> Net:
    """An MLP with everything about it drawn by `seed`, trained or not."""
    generator = torch.Generator().manual_seed(1000 + seed)

    def one_of(choices: Sequence[int]) -> int:
        return choices[int(torch.randint(len(choices), (), generator=generator))]

    activation = (nn.Tanh, nn.ReLU, nn.GELU, nn.SiLU)[one_of(range(4))]
    width, depth = one_of((6, 8, 12, 16)), one_of((1, 2, 3, 4))
    num_inputs, num_outputs = one_of((4, 6, 8)), one_of((1, 3, 4))
    size, num_steps = one_of((16, 32, 64, 128)), one_of((0, 0, 10, 50, 300))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers: list[nn.Module] = [nn.Linear(num_inputs, width), activation()]
        for _ in range(depth - 1):
            layers += [nn.Linear(width, width), activation()]
        model = nn.Sequential(*layers, nn.Linear(width, num_outputs)).double()
        x = torch.randn(size, num_inputs, dtype=torch.float64)
        if num_outputs == 1:
            net = Net(model=model, x=x, y=torch.randn(size, 1).double(), loss_fn=F.mse_loss)
        else:
            y = torch.randint(num_outputs, (size,))
            net = Net(model=model, x=x, y=y, loss_fn=F.cross_entropy)
    _train(net, num_steps)
    return net


def _train(net: Net, num_steps: int) -> None:
    optimizer = torch.optim.SGD(net.model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(num_steps):
        optimizer.zero_grad()
        net.loss_fn(net.model(net.x), net.y).backward()
        optimizer.step()
    optimizer.zero_grad()


def dense_eigenvalues(net: Net) -> Tensor:
    """All eigenvalues of the Hessian, ascending, by `torch.func.hessian`."""
    parameters = {name: p.detach() for name, p in net.model.named_parameters()}
    w = torch.cat([p.reshape(-1) for p in parameters.values()])

    def loss(w: Tensor) -> Tensor:
        parts = w.split([p.numel() for p in parameters.values()])
        moved = {
            name: part.view_as(p) for (name, p), part in zip(parameters.items(), parts, strict=True)
        }
        return net.loss_fn(torch.func.functional_call(net.model, moved, (net.x,)), net.y)

    H = torch.func.hessian(loss)(w)
    return torch.linalg.eigvalsh((H + H.T) / 2)


def trials(net: Net) -> Iterator[Trial]:
    """Every end, alone or with the other, at both tolerances and from each seed."""
    exact = dense_eigenvalues(net).tolist()
    rounding = ROUNDING * max(map(abs, exact))
    with terrain(net.model, net.x, net.y, net.loss_fn) as here, here.hessian() as H:
        for tol in (1e-2, 1e-3):
            for seed in SEEDS:
                generator = torch.Generator().manual_seed(seed)
                alone, both = (
                    top_eigenvalues(H, config=EigenConfig(ends=ends, tol=tol), generator=generator)
                    for ends in ("largest", "both")
                )
                for name, found, eigenvalues, truth in (
                    ("largest, alone", alone, alone.largest, exact[-1]),
                    ("largest, of both", both, both.largest, exact[-1]),
                    ("smallest", both, both.smallest, exact[0]),
                ):
                    (best,) = eigenvalues
                    yield Trial(
                        end=name,
                        tol=tol,
                        is_within=abs(best.value - truth) <= best.error + rounding,
                        converged=best.converged,
                        num_products=found.num_products,
                    )


def table(found: Sequence[Trial]) -> list[str]:
    lines = [
        "| end | tolerance | runs | within the error | converged | products |",
        "|---|---|---|---|---|---|",
    ]
    for end, tol in sorted({(t.end, t.tol) for t in found}):
        some = [t for t in found if (t.end, t.tol) == (end, tol)]
        within, converged = (
            100 * statistics.mean(values)
            for values in ([t.is_within for t in some], [t.converged for t in some])
        )
        products = statistics.mean(t.num_products for t in some)
        lines.append(
            f"| {end} | {100 * tol:g} % | {len(some)} | {within:.1f} % | {converged:.1f} % | "
            f"{products:.1f} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", type=int, default=120)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", NotConvergedWarning)
    found = [trial for seed in range(options.nets) for trial in trials(drawn(seed))]
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
