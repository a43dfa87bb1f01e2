"""The V-cycle side by side with PyAMG: seconds to solve Poisson's equation, and over the size.

    python benchmarks/vcycle.py [--rounds 5] [--markdown docs/vcycle.md]

One thread, CPU time of this process, interleaved: each round solves the same random right-hand side
to 1e-8 by every solver; a ratio is the median over rounds of the ratios within a round. PyAMG's
set-up (its coarse operators) is timed apart; ours has none but the coarsest inverse, which is made
anew in the timed call. PyAMG's goal is the fastest of its solvers here.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyamg
import torch

from plusone.nn import VCycle

SIDE, TOLERANCE = 1023, 1e-8
SIDES = (31, 127, 255, 511, 1023, 2047)
LARGE = 511
"""From this side on the powers of the cost from each grid to the next are stated."""
OURS = "VCycle"
PEERS: dict[str, tuple[Callable[..., object], dict[str, str]]] = {
    "PyAMG Ruge-Stuben": (pyamg.ruge_stuben_solver, {}),
    "PyAMG Ruge-Stuben, CG": (pyamg.ruge_stuben_solver, {"accel": "cg"}),
    "PyAMG smoothed aggregation, CG": (pyamg.smoothed_aggregation_solver, {"accel": "cg"}),
}


def timed(work: Callable[[], object]) -> tuple[float, object]:
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def problem(side: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(side, side, generator=generator, dtype=torch.float64)


def one_round(side: int, seed: int) -> dict[str, tuple[float, float, int, float]]:
    """Seconds of set-up and of solving, iterations, and the relative residual, by solver."""
    f = problem(side, seed)
    right = f.numpy().ravel() / (side + 1) ** 2
    matrix = pyamg.gallery.poisson((side, side), format="csr")
    found = {}
    for name, (make, options) in PEERS.items():
        setup, solver = timed(lambda make=make: make(matrix))
        norms: list[float] = []
        seconds, u = timed(
            lambda solver=solver, norms=norms, options=options: solver.solve(
                right, tol=TOLERANCE, residuals=norms, **options
            )
        )
        left = np.linalg.norm(right - matrix @ u) / np.linalg.norm(right)
        found[name] = (setup, seconds, len(norms) - 1, float(left))
    setup, solver = timed(VCycle)
    seconds, solution = timed(lambda: solver.solve(f, tolerance=TOLERANCE))
    left = np.linalg.norm(right - matrix @ solution.u.numpy().ravel()) / np.linalg.norm(right)
    found[OURS] = (setup, seconds, solution.num_cycles, float(left))
    return found


def over_size(rounds: int) -> list[tuple[int, int, float, float]]:
    """Side, cycles, median seconds, and microseconds a point, of our solver."""
    rows = []
    for side in SIDES:
        fields = [problem(side, seed) for seed in range(rounds)]
        runs = [timed(lambda f=f: VCycle().solve(f, tolerance=TOLERANCE)) for f in fields]
        seconds = statistics.median(s for s, _ in runs)
        cycles = max(solution.num_cycles for _, solution in runs)
        rows.append((side, cycles, seconds, 1e6 * seconds / side**2))
    return rows


def slope(sizes: list[tuple[int, int, float, float]]) -> float:
    """The power of the number of points in the seconds, fitted to all grids."""
    chosen = [(side**2, seconds) for side, _, seconds, _ in sizes]
    points, seconds = np.log(np.asarray(chosen)).T
    return float(np.polyfit(points, seconds, 1)[0])


def local_powers(sizes: list[tuple[int, int, float, float]]) -> str:
    """The power from each grid to the next, of grids of at least `LARGE` a side, in words."""
    chosen = [row for row in sizes if row[0] >= LARGE]
    steps = [
        f"{slope([low, high]):.2f} from {low[0]} x {low[0]} to {high[0]} x {high[0]}"
        for low, high in itertools.pairwise(chosen)
    ]
    return " and ".join(steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    one_round(127, 0)  # imports and first calls
    runs = [one_round(SIDE, seed) for seed in range(given.rounds)]
    sizes = over_size(given.rounds)
    text = page(runs, sizes)
    print(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")


def page(
    runs: list[dict[str, tuple[float, float, int, float]]],
    sizes: list[tuple[int, int, float, float]],
) -> str:
    medians = {name: statistics.median(run[name][1] for run in runs) for name in runs[0]}
    best = min(PEERS, key=lambda name: medians[name])
    ratio = {
        "set-up excluded": [run[OURS][1] / run[best][1] for run in runs],
        "set-up included": [sum(run[OURS][:2]) / sum(run[best][:2]) for run in runs],
    }
    lines = [
        "# V-cycle",
        "",
        f"Written by `python benchmarks/vcycle.py --markdown docs/vcycle.md` on "
        f"{date.today().isoformat()}, torch {torch.__version__}, PyAMG {pyamg.__version__}, one "
        f"thread, CPU seconds, with a load of {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.",
        "",
        f"`plusone.nn.VCycle` against PyAMG on Poisson's equation with {SIDE} x {SIDE} interior "
        f"points and random right-hand sides, to a relative residual of {TOLERANCE:g}, "
        f"{len(runs)} interleaved rounds. The goal is 3 times PyAMG's fastest solver here, "
        f"{best}.",
        "",
        "| time over that of PyAMG's fastest | measured | goal, at most |",
        "|---|---|---|",
        *(f"| {name} | {statistics.median(r):.2f} | 3 |" for name, r in ratio.items()),
        "",
        "| solver | set-up, s | solve, s | cycles | residual |",
        "|---|---|---|---|---|",
    ]
    for name in runs[0]:
        setup, seconds = (statistics.median(run[name][i] for run in runs) for i in (0, 1))
        cycles, left = runs[0][name][2:]
        lines.append(f"| {name} | {setup:.2f} | {seconds:.2f} | {cycles} | {left:.1e} |")
    lines += [
        "",
        f"A cycle takes nearly the same number of operations a point on every grid. The seconds "
        f"grow as the number of points to the power {local_powers(sizes)} (over all grids "
        f"{slope(sizes):.2f}), 1 being linear; two powers do not say towards what they tend:",
        "",
        "| grid | cycles | solve, s | microseconds a point |",
        "|---|---|---|---|",
        *(f"| {n} x {n} | {k} | {s:.3f} | {each:.3f} |" for n, k, s, each in sizes),
        "",
        "PyAMG takes any sparse matrix and makes its coarse operators itself; `VCycle` knows grids",
        "with constant stencils alone, which is why it has no set-up. Its cycles run in float32 on",
        "a residual in float64 until one stalls. `plusone lab run multigrid` has the convergence",
        "factors, what each skip is for, and trained smoothers.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
