"""Curvature and surfaces side by side with PyHessian and curvlinops, in forward+backwards (f+b).

    python benchmarks/landscape.py [--quick] [--only-surfaces | --only-ours]
        [--markdown docs/landscape_speed.md]

ResNet-20 (272,474 parameters) after ten steps of SGD on 64 images of 3 x 32 x 32, one thread,
processor time. One f+b is a plain forward and backward of the same model in the same mode on the
same batch; it is timed before and after each measurement, and a ratio is over the mean of both
(medians where there are several). In our own long runs it is timed within them as well, after every
fourth product, as a machine with other work slows down and recovers within a minute. `--quick`
leaves out what takes minutes: curvlinops' eigsh and density, all traces, and both ends and the
density with batch statistics. `--only-ours` leaves out the peers and the surfaces.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyhessian
import torch
from curvlinops import HessianLinearOperator, lanczos_approximate_spectrum
from scipy.sparse.linalg import eigsh
from spectra import ResNet20
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.landscape import (
    DensityConfig,
    EigenConfig,
    GridConfig,
    Terrain,
    TraceConfig,
    line,
    random_direction,
    spectral_density,
    surface,
    terrain,
    top_eigenvalues,
    trace,
)

BATCH = 64
STEPS = 50
SIDE = 15


@dataclass(frozen=True, kw_only=True)
class Row:
    """A figure: what was measured, in which mode, by whom, its ratio, its result and its goal."""

    what: str
    who: str
    ratio: float
    result: str = ""
    goal: str = ""


def seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


class Clock:
    """Seconds of one f+b of a terrain, taken anew around every measurement."""

    def __init__(self, here: Terrain) -> None:
        self._here = here
        self.unit()

    def unit(self) -> float:
        return min(self._once() for _ in range(2))

    def _once(self) -> float:
        return seconds(lambda: torch.autograd.grad(self._here.loss(), self._here.parameters))

    def ratio(self, run: Callable[[], object], *, rounds: int = 1) -> float:
        found = []
        for _ in range(rounds):
            before = self.unit()
            took = seconds(run)
            found.append(2 * took / (before + self.unit()))
        return statistics.median(found)

    def watched(self, run: Callable[[Callable[[float], None]], object], *, every: int = 4) -> float:
        """The ratio of a `run` that tells a watch of each product, over units between them."""
        units = [self._once()]  # a mean of those, as the run's time is a sum of its products'
        count = 0

        def watch(share: float) -> None:
            nonlocal count
            count += 1
            if count % every == 0:
                units.append(self._once())

        took = seconds(lambda: run(watch)) - sum(units[1:])
        units.append(self._once())
        return took / statistics.mean(units)


def trained() -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    model = ResNet20()
    x, y = torch.randn(BATCH, 3, 32, 32), torch.randint(10, (BATCH,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(10):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    optimizer.zero_grad()
    return model.eval(), x, y


def products(here: Terrain, clock: Clock, mode: str) -> list[Row]:
    parameters = list(here.parameters)
    model = here.subject.model
    x, y = here.subject.args[0], here.subject.targets
    theirs = HessianLinearOperator(
        model, nn.CrossEntropyLoss(), parameters, [(x, y)], check_deterministic=False
    )
    v = torch.randn(here.size)
    with here.hessian() as H:
        expected = theirs @ v
        gap = float((H @ v - expected).norm() / expected.norm())
        ours = clock.ratio(lambda: H @ v, rounds=3)
    what = f"Hessian product, {mode}"
    made = clock.ratio(lambda: here.hessian().close(), rounds=1)
    others = clock.ratio(lambda: theirs @ v, rounds=3)
    return [
        Row(what=what, who="plusone", ratio=ours, result=f"{gap:.0e} off curvlinops", goal="2.5"),
        Row(what=what, who="curvlinops", ratio=others),
        Row(what=f"making the operator, {mode}", who="plusone", ratio=made),
    ]


def top(here: Terrain, clock: Clock, mode: str) -> list[Row]:
    what = f"top eigenvalue to 0.1 %, {mode}"
    found: list[Any] = []

    def ours(watch: Callable[[float], None]) -> None:
        with here.hessian() as H:
            config = EigenConfig(ends="largest", tol=1e-3)
            found.append(top_eigenvalues(H, config=config, watch=watch))

    ratio = clock.watched(ours, every=1)
    with here.hessian() as H:
        exact = top_eigenvalues(H, config=EigenConfig(ends="largest", tol=1e-5)).largest[0]
    (best,) = found[0].largest
    off = abs(best.value / exact.value - 1)
    result = (
        f"{best.value:.2f} +/- {best.error:.2g}, {found[0].num_products} products, "
        f"off by {100 * off:.3f} %"
    )
    return [Row(what=what, who="plusone", ratio=ratio, result=result, goal="10")]


def both(here: Terrain, clock: Clock, mode: str) -> list[Row]:
    found: list[Any] = []

    def ours(watch: Callable[[float], None]) -> None:
        with here.hessian() as H:
            found.append(top_eigenvalues(H, config=EigenConfig(tol=1e-2), watch=watch))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ratio = clock.watched(ours)
    (low,), (high,) = found[0].smallest, found[0].largest
    result = (
        f"{low.value:.3f} +/- {low.error:.2g} and {high.value:.2f} +/- {high.error:.2g}, "
        f"{found[0].num_products} products{'' if found[0].converged else ', not converged'}"
    )
    return [Row(what=f"both ends to 1 %, {mode}", who="plusone", ratio=ratio, result=result)]


def peers_top(here: Terrain, clock: Clock, *, quick: bool) -> list[Row]:
    what = "top eigenvalue to 0.1 %, eval"
    x, y = here.subject.args[0], here.subject.targets
    found: list[float] = []

    def power() -> None:
        theirs = pyhessian.hessian(
            here.subject.model, nn.CrossEntropyLoss(), data=(x, y), cuda=False
        )
        found.append(theirs.eigenvalues(tol=1e-3)[0][0])
        here.subject.model.zero_grad(set_to_none=True)

    rows = [Row(what=what, who="PyHessian", ratio=clock.ratio(power), result=f"{found[0]:.2f}")]
    if quick:
        return rows
    values: list[float] = []

    def sparse() -> None:
        operator = HessianLinearOperator(
            here.subject.model,
            nn.CrossEntropyLoss(),
            list(here.parameters),
            [(x, y)],
            check_deterministic=False,
        )
        values.append(float(eigsh(operator.to_scipy(), k=1, which="LA", tol=1e-3)[0][0]))

    ratio = clock.ratio(sparse)
    return [*rows, Row(what=what, who="curvlinops + eigsh", ratio=ratio, result=f"{values[0]:.2f}")]


def densities(here: Terrain, clock: Clock, mode: str) -> list[Row]:
    found: list[Any] = []

    def ours(watch: Callable[[float], None]) -> None:
        with here.hessian() as H:
            config = DensityConfig(num_steps=STEPS, num_probes=1, tol=1.0)
            found.append(spectral_density(H, config=config, watch=watch))

    ratio = clock.watched(ours)
    d = found[0]
    result = f"distribution known to {100 * d.distance_error:.2g} % of its width"
    return [
        Row(
            what=f"density, {STEPS} steps, {mode}",
            who="plusone",
            ratio=ratio,
            result=result,
            goal="110",
        )
    ]


def peers_density(here: Terrain, clock: Clock, *, quick: bool) -> list[Row]:
    what = f"density, {STEPS} steps, eval"
    x, y = here.subject.args[0], here.subject.targets

    def eig(matrix: Tensor, *, eigenvectors: bool) -> tuple[Tensor, Tensor]:
        """What torch.eig, which is gone, gave."""
        values, vectors = torch.linalg.eigh(matrix)
        return torch.stack([values, torch.zeros_like(values)], 1), vectors

    def slq() -> None:
        theirs = pyhessian.hessian(
            here.subject.model, nn.CrossEntropyLoss(), data=(x, y), cuda=False
        )
        theirs.density(iter=STEPS, n_v=1)
        here.subject.model.zero_grad(set_to_none=True)

    torch.eig = eig
    rows = [Row(what=what, who="PyHessian (torch.eig patched)", ratio=clock.ratio(slq))]
    if quick:
        return rows

    def papyan() -> None:
        operator = HessianLinearOperator(
            here.subject.model,
            nn.CrossEntropyLoss(),
            list(here.parameters),
            [(x, y)],
            check_deterministic=False,
        )
        lanczos_approximate_spectrum(operator, STEPS)

    return [*rows, Row(what=what, who="curvlinops", ratio=clock.ratio(papyan))]


def traces(here: Terrain, clock: Clock, mode: str) -> list[Row]:
    found: list[Any] = []

    def ours() -> None:
        with here.hessian() as H:
            found.append(trace(H, config=TraceConfig(tol=0.1, max_probes=40)))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ratio = clock.ratio(ours)
    t = found[0]
    state = "" if t.converged else ", not converged"
    result = f"{t.value:.1f} +/- {t.stderr:.2g}, {t.num_products} products{state}"
    return [Row(what=f"trace to 10 %, {mode}", who="plusone", ratio=ratio, result=result)]


def surfaces(here: Terrain, name: str, side: int, goal: str) -> Row:
    """A surface over as many forwards as it has points, timed between its rows."""
    generator = torch.Generator().manual_seed(0)
    directions = tuple(random_direction(here, generator=generator) for _ in range(2))

    @torch.no_grad()
    def forwards() -> None:
        for _ in range(side):
            here.loss()

    forwards()
    plain: list[float] = []
    last = -1

    def watch(share: float) -> None:
        nonlocal last
        row = int(share * side + 1e-9)
        if row > last:
            last = row
            plain.append(seconds(forwards) / side)

    start = time.process_time()
    found = surface(here, directions, config=GridConfig(points=side), watch=watch)
    took = time.process_time() - start - sum(plain) * side
    check = line(here, directions[0], config=GridConfig(points=side))
    gap = np.nanmax(np.abs(np.array(check.losses) / np.array(found.slices[0].losses) - 1))
    ratio = took / (side * side * statistics.median(plain))
    return Row(
        what=f"surface of {side} x {side}, over its {side * side:,} forwards, {name}",
        who="plusone",
        ratio=ratio,
        result=f"{found.method}, {gap:.0e} off direct evaluation",
        goal=goal,
    )


def small_net() -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Linear(16, 32)]
    for _ in range(8):
        layers += [nn.ReLU(), nn.Linear(32, 32)]
    return nn.Sequential(*layers, nn.Linear(32, 4)), torch.randn(16, 16), torch.randint(4, (16,))


def measure(options: argparse.Namespace) -> Iterator[Row]:
    model, x, y = trained()
    if not options.only_surfaces:
        yield from curvature(model, x, y, quick=options.quick, has_peers=not options.only_ours)
    if options.only_ours:
        return
    with terrain(model, x, y, F.cross_entropy) as here:
        yield surfaces(here, "ResNet-20", SIDE, "1.1")
    with terrain(*small_net(), F.cross_entropy) as here:
        yield surfaces(here, "MLP of 10 layers, batch 16", 51, "1.1")


def curvature(
    model: nn.Module, x: Tensor, y: Tensor, *, quick: bool, has_peers: bool
) -> Iterator[Row]:
    with terrain(model, x, y, F.cross_entropy, statistics="running") as here:
        clock = Clock(here)
        yield from products(here, clock, "eval")
        yield from top(here, clock, "eval")
        yield from both(here, clock, "eval")
        if has_peers:
            yield from peers_top(here, clock, quick=quick)
        yield from densities(here, clock, "eval")
        if has_peers:
            yield from peers_density(here, clock, quick=quick)
        if not quick:
            yield from traces(here, clock, "eval")
    with terrain(model, x, y, F.cross_entropy) as here:
        clock = Clock(here)
        for part in (products, top) if quick else (products, top, both, densities, traces):
            yield from part(here, clock, "batch statistics")


def table(rows: list[Row]) -> list[str]:
    lines = ["| figure | who | f+b | goal, at most | result |", "|---|---|---|---|---|"]
    for row in rows:
        cells = (row.what, row.who, f"{row.ratio:.3g}", row.goal, row.result)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def page(rows: list[Row]) -> str:
    return (
        "# Speed of landscapes\n\n"
        "Written by `python benchmarks/landscape.py --markdown docs/landscape_speed.md` on "
        f"{date.today().isoformat()}, torch {torch.__version__}, one thread, curvlinops 3.0.1, "
        "PyHessian 0.1.\n\n"
        "ResNet-20 (272,474 parameters), 64 images of 3 x 32 x 32, after ten steps of SGD. Costs "
        "are in forward+backwards (f+b) of the same model, mode and batch; those of surfaces are "
        'in forwards. "eval" uses running statistics in batch norms, as PyHessian always does.\n\n'
        + "\n".join(table(rows))
        + f"\n\n{NOTES}"
    )


NOTES = """\
Two thirds of the extra cost of torch's second derivative of a batch norm in training mode, and part
of a convolution's, are saved by formulas of our own (`landscape/batch_norm.py`, `convolution.py`),
whose results the tests compare with torch's. Lanczos starts from the gradient with a random part,
which saves one to three products, and stops on its own error bound; PyHessian stops when two values
of a power iteration agree, curvlinops leaves stopping to ARPACK, which takes 20 products at least.
The largest alone is trusted once nothing that is 2e-4 of the start can lie above it by more than
the gap below it, which took 4 products in eval mode; with batch statistics, where no single outlier
stands above the others, 10. Both ends with errors that hold in 99 of 100 runs take more.
PyHessian 0.1 calls `torch.eig`, which torch no longer has; it was put back to time the rest. A
surface costs less than its forwards where images with channels last are faster (convolutions on a
CPU) or where many sets of parameters fit one forward (small layers); finding out takes about 13
forwards, which are 6 % of 225 and 0.5 % of 2,601.

With batch norms in training mode curvlinops 3.0.1 is off: its product is not symmetric, and in
float64 differs from `torch.autograd.functional.hvp` by 2 % on the net of `tests/landscape/nets.py`
(ours: 4e-16). `torch.func.hessian` is off there, too.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--only-surfaces", action="store_true")
    only.add_argument("--only-ours", action="store_true")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Using backward.. with create_graph=True")
    rows: list[Row] = []
    for row in measure(options):
        rows.append(row)
        print(f"{row.ratio:8.3g}  {row.what}: {row.who}  {row.result}", flush=True)
    if options.markdown:
        options.markdown.write_text(page(rows))


if __name__ == "__main__":
    main()
