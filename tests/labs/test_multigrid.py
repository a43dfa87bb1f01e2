"""The lab's routines against theory and each other, and its claim on small grids."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from plusone.labs.base.lab import Arm, Plan
from plusone.labs.multigrid import LAB
from plusone.labs.multigrid.factors import JACOBI, amg, classical, factor, operations, radius
from plusone.labs.multigrid.grids import PARTS, damping, difference, matrix
from plusone.labs.multigrid.learning import fitted
from plusone.nn import VCycle

from support.reduced_lab import means, run_plan, verdicts


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def seeded_start(size: int) -> np.ndarray:
    return torch.randn(size, generator=seeded(), dtype=torch.float64).numpy()


@pytest.mark.parametrize("sweeps", [1, 2])
def test_the_factor_is_the_largest_eigenvalue_of_the_errors_map(sweeps: int) -> None:
    side = 31
    cycle = classical(sweeps)
    zero = torch.zeros(side, side, dtype=torch.float64)
    units = torch.eye(side**2, dtype=torch.float64).reshape(-1, side, side)
    with torch.no_grad():
        columns = torch.stack([cycle(u, zero).flatten() for u in units], 1)
    largest = float(torch.linalg.eigvals(columns).abs().max())
    for seed in range(3):
        assert factor(cycle, side, seeded(seed)) == pytest.approx(largest, rel=0.01)


def test_the_radius_is_the_eigenvalue_of_largest_magnitude_also_of_a_complex_pair() -> None:
    values = np.concatenate([np.linspace(-0.3, 0.3, 98), [0.0, 0.0]])
    turned = np.diag(values)
    turned[-2:, -2:] = 0.7 * np.array([[0.6, -0.8], [0.8, 0.6]])
    start = seeded_start(100)
    assert radius(lambda u: turned @ u, start) == pytest.approx(0.7, rel=1e-3)
    assert radius(lambda u: -np.arange(100) * u, start) == pytest.approx(99, rel=0.01)


def test_pyamgs_factor_is_the_largest_eigenvalue_of_its_errors_map() -> None:
    pyamg = pytest.importorskip("pyamg")
    side = 31
    sweeps = ("jacobi", {"omega": JACOBI, "iterations": 2, "withrho": False})
    a = pyamg.gallery.poisson((side, side), format="csr")
    zero, units = np.zeros(side**2), np.eye(side**2)
    for make, found in zip(
        (pyamg.ruge_stuben_solver, pyamg.smoothed_aggregation_solver),
        amg(side, seeded()),
        strict=True,
    ):
        solver = make(a, presmoother=sweeps, postsmoother=sweeps)
        columns = [solver.solve(zero, x0=u, tol=1e-300, maxiter=1) for u in units]
        largest = np.abs(np.linalg.eigvals(np.stack(columns, 1))).max()
        assert found == pytest.approx(largest, rel=0.01)


def test_the_operations_a_point_hardly_change_with_the_grid() -> None:
    counts = [operations(side) for side in (31, 63, 127)]
    assert max(counts) < 1.05 * min(counts)
    # 4 residuals of 18, R (g - A u) in 17, P in 4.5; a residual less from zero, and 4/3 of points.
    assert counts[-1] == pytest.approx(93.5 + 75.5 / 3, rel=0.02)


def test_a_sweep_damps_each_mode_as_theory_says_and_a_cycle_damps_all() -> None:
    sweep, theory = damping(None, 15)
    np.testing.assert_allclose(sweep, theory, atol=1e-12)
    assert sweep[0] > 0.98
    assert max(damping(classical(2), 15)[0]) < 0.3


def test_the_cycle_of_matrices_is_the_nets() -> None:
    assert difference(31, seeded()) < 1e-12
    assert matrix(3).diagonal().tolist() == [4.0] * 9  # type: ignore[attr-defined]


def test_fitting_lowers_the_logarithm_of_the_contraction() -> None:
    cycle = VCycle(pre=1, post=1, weights=(0.8, 0.8), kernel_size=3, dtype=torch.float64)
    losses = fitted(cycle, [cycle.smoothers], 12, 2e-2, seeded())
    assert math.exp(losses[0]) == pytest.approx(0.35, abs=0.05)
    assert losses[-1] < losses[0] - 0.2
    assert cycle.prolongation.grad is None


def test_every_part_of_the_cycle_is_needed() -> None:
    plan = Plan(
        arms=(
            *(Arm(name=f"{n} x {n}", options={"side": n}) for n in (31, 63)),
            *(Arm(name=part, options={"cut": 31}) for part in PARTS),
            Arm(name="modes"),
            Arm(name="trained", options={"first": 25, "then": 3, "largest": 63}),
        ),
        seeds=(0,),
    )
    result = run_plan(LAB, plan)
    found, number = verdicts(result), means(result)
    for key in ("spread", "cycles", "no-skip", "no-coarse", "equal", "full", "modes"):
        assert found[key] == "holds", key
    assert number["learned"] < 0.9


@pytest.mark.lab
def test_the_quick_lab_holds_but_for_what_three_seeds_leave_open(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from plusone.labs import RunConfig, run_lab

    result = run_lab("multigrid", RunConfig(folder=tmp_path))
    found = {o.prediction.key: o for o in result.outcomes if o.prediction.role != "limit"}
    # Its mean of 1.16 is inside, its interval ends at 1.27; five seeds in full mode hold it.
    carried = found.pop("carried")
    assert 0.8 < carried.mean < 1.25
    assert carried.verdict != "fails"
    assert all(o.verdict == "holds" for o in found.values())
