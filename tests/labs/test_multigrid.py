"""The lab's routines against theory and each other, and its claim on small grids."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from plusone.labs.base.lab import Arm, Plan
from plusone.labs.multigrid import LAB
from plusone.labs.multigrid.grids import PARTS, classical, damping, difference, factor, matrix
from plusone.labs.multigrid.learning import fitted
from plusone.nn import VCycle

from support.reduced_lab import means, run_plan, verdicts


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def test_the_factor_is_the_largest_eigenvalue_of_the_errors_map() -> None:
    side = 15
    cycle = classical(1)
    zero = torch.zeros(side, side, dtype=torch.float64)
    units = torch.eye(side**2, dtype=torch.float64).reshape(-1, side, side)
    with torch.no_grad():
        columns = torch.stack([cycle(u, zero).flatten() for u in units], 1)
    largest = float(torch.linalg.eigvals(columns).abs().max())
    assert factor(cycle, side, seeded()) == pytest.approx(largest, rel=0.03)


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
def test_the_quick_lab_holds(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from plusone.labs import RunConfig, run_lab

    assert run_lab("multigrid", RunConfig(folder=tmp_path)).verdict == "holds"
