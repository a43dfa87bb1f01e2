"""The V-cycle against sparse matrices, PyAMG, direct solutions and its theory."""

from __future__ import annotations

import copy
import math
import re

import numpy as np
import pyamg
import pytest
import scipy.sparse as sp
import torch
from benchmarks.vcycle import local_powers
from pyamg.relaxation.smoothing import change_smoothers
from scipy.sparse.linalg import spsolve
from torch import Tensor

import plusone
from plusone.errors import InputError
from plusone.nn import VCycle
from plusone.nn.multigrid.orders import on_levels
from plusone.nn.multigrid.stencils import chebyshev_weights, residual, sizes

from oracle.numpy_vcycle import interpolation, poisson, vcycle


def problem(n: int, columns: int | None = None) -> tuple[Tensor, Tensor]:
    shape = (n, columns or n)
    return torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64)


@pytest.mark.parametrize("n", [15, 31, 63])
@pytest.mark.parametrize(("pre", "post"), [(1, 1), (2, 2), (0, 1), (3, 0)])
def test_a_cycle_is_that_of_sparse_matrices(n: int, pre: int, post: int) -> None:
    u, f = problem(n)
    cycle = VCycle(pre=pre, post=post).double()
    weights = (4 * cycle.smoothers.detach()).flatten().tolist()
    expected = vcycle(u.numpy(), f.numpy(), weights=(weights[:pre], weights[pre:]), coarsest=7)
    found = cycle(u, f).detach().numpy()
    assert np.abs(found - expected).max() <= 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize("n", [31, 63])
def test_a_cycle_is_pyamgs_on_the_same_operators(n: int) -> None:
    u, f = problem(n)
    levels, m = [], n
    while m > 7:
        level = pyamg.multilevel.MultilevelSolver.Level()
        level.A, level.P = sp.csr_array(poisson(m)), sp.csr_array(interpolation(m))
        level.R = sp.csr_array(level.P.T)
        levels.append(level)
        m //= 2
    levels.append(pyamg.multilevel.MultilevelSolver.Level())
    levels[-1].A = sp.csr_array(poisson(m))
    solver = pyamg.multilevel.MultilevelSolver(levels, coarse_solver="splu")
    jacobi = ("jacobi", {"omega": 0.8, "iterations": 2, "withrho": False})
    change_smoothers(solver, jacobi, jacobi)
    g = f.numpy().ravel() / (n + 1) ** 2
    expected = solver.solve(g, x0=u.numpy().ravel(), tol=1e-300, maxiter=1).reshape(n, n)
    found = VCycle(weights=(0.8,) * 4, dtype=torch.float64)(u, f).detach().numpy()
    assert np.abs(found - expected).max() <= 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize("shape", [(31, 31), (31, 63), (95, 47)])
def test_it_solves_what_a_direct_solver_solves(shape: tuple[int, int]) -> None:
    _, f = problem(*shape)
    found = VCycle().solve(f, tolerance=1e-11)
    assert found.is_converged
    rows, columns = (sp.diags([-1.0, 2.0, -1.0], [-1, 0, 1], shape=(n, n)) for n in shape)
    a = sp.kron(rows, sp.identity(shape[1])) + sp.kron(sp.identity(shape[0]), columns)
    expected = spsolve(sp.csc_matrix(a) * (shape[1] + 1) ** 2, f.numpy().ravel())
    assert np.abs(found.u.numpy().ravel() - expected).max() <= 1e-9 * np.abs(expected).max()


def stencil_of(c: float) -> tuple[tuple[float, ...], ...]:
    return (0.0, -1.0, 0.0), (-1.0, 4.0 + c, -1.0), (0.0, -1.0, 0.0)


@pytest.mark.parametrize("n", [63, 255])
@pytest.mark.parametrize("c", [1e-4, 1e-3, 1e-2, 0.1])
def test_a_zeroth_order_term_costs_no_more_cycles(n: int, c: float) -> None:
    _, f = problem(n)
    found = VCycle(stencil=stencil_of(c), dtype=torch.float64).solve(f, tolerance=1e-10)
    assert found.is_converged
    assert found.num_cycles <= 13
    a = sp.csc_matrix(poisson(n) + c * sp.identity(n**2)) * (n + 1) ** 2
    expected = spsolve(a, f.numpy().ravel())
    assert np.abs(found.u.numpy().ravel() - expected).max() <= 1e-8 * np.abs(expected).max()


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_a_zeroth_order_term_computes_the_same_with_and_without_gradients(kernel_size: int) -> None:
    u, f = problem(31)
    cycle = VCycle(stencil=stencil_of(0.1), kernel_size=kernel_size, dtype=torch.float64)
    expected = cycle(u, f)
    with torch.no_grad():
        torch.testing.assert_close(cycle(u, f), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_stencil_that_sums_to_zero_but_for_rounding_is_the_same_on_every_grid(
    dtype: torch.dtype,
) -> None:
    third = 1 / 3
    row = (-third, -third, -third)
    nine = torch.tensor([row, (-third, 8 * third, -third), row], dtype=dtype)
    for stencil in (nine, nine.double()):
        assert all(level is stencil for level in on_levels(stencil, 5))
    assert on_levels(torch.tensor(stencil_of(0.5)), 3)[2][1, 1] == 4 + 16 * 0.5


def test_a_stencil_that_float32_would_round_is_solved_as_it_was_given() -> None:
    n, f = 31, torch.randn(31, 31, dtype=torch.float64)
    found = VCycle(stencil=stencil_of(0.01)).solve(f, tolerance=1e-11)
    a = sp.csc_matrix(poisson(n) + 0.01 * sp.identity(n * n))
    exact = spsolve(a, f.numpy().ravel() / (n + 1) ** 2)
    difference = np.abs(found.u.numpy().ravel() - exact).max() / np.abs(exact).max()
    assert difference < 1e-10  # 4.01 rounded to float32 is another operator: 1e-5 away


def test_what_diverges_ends_soon_with_the_best_that_it_had() -> None:
    _, f = problem(63)
    cycle = VCycle(stencil=stencil_of(-0.5), dtype=torch.float64)  # indefinite
    found = cycle.solve(f)
    assert not found.is_converged
    assert found.residuals[-1] > 1e4
    assert found.num_cycles < 15
    r = residual(found.u, f / 64**2, cycle.stencil) * 64**2
    assert float(r.norm() / f.norm()) == pytest.approx(min(found.residuals), rel=1e-9)
    assert min(found.residuals) < 1
    cycle = VCycle(dtype=torch.float64)
    with torch.no_grad():
        cycle.smoothers.fill_(math.inf)  # as a training that diverges leaves them
    broken = cycle.solve(f)
    assert (broken.num_cycles, broken.is_converged) == (1, False)
    assert torch.isfinite(broken.u).all()


def test_the_residual_of_a_solution_is_the_one_that_it_states() -> None:
    _, f = problem(63)
    cycle = VCycle()
    found = cycle.solve(f)
    r = f - 64**2 * residual(found.u, torch.zeros_like(f), cycle.stencil).neg()
    assert float(r.norm() / f.norm()) == pytest.approx(found.residuals[-1], rel=1e-6)
    assert found.num_cycles == len(found.residuals) - 1 <= 9


def test_a_batch_is_solved_like_its_samples() -> None:
    f = torch.randn(2, 3, 31, 31, dtype=torch.float64)
    together, alone = VCycle().solve(f, tolerance=1e-10), VCycle().solve(f[1, 2], tolerance=1e-10)
    assert together.u.shape == f.shape
    torch.testing.assert_close(together.u[1, 2], alone.u, rtol=0, atol=1e-10)


def test_a_good_start_leaves_less_to_do() -> None:
    _, f = problem(63)
    cold = VCycle().solve(f)
    warm = VCycle().solve(f, start=cold.u + 1e-6 * cold.u.roll(1))
    assert warm.num_cycles < cold.num_cycles


def test_what_has_not_converged_says_so() -> None:
    _, f = problem(63)
    found = VCycle().solve(f, max_cycles=3)
    assert not found.is_converged
    assert found.num_cycles == 3
    assert found.residuals[-1] > 1e-6


def test_where_rounding_is_all_that_is_left_it_ends_and_says_so() -> None:
    f = torch.randn(127, 127, generator=torch.Generator().manual_seed(0))
    found = VCycle().solve(f)
    assert not found.is_converged
    assert found.num_cycles < 30
    assert found.residuals[-1] < 1e-5
    slow = VCycle(pre=0, post=1, weights=(0.2,)).solve(f.double(), max_cycles=400)
    assert slow.is_converged
    assert slow.num_cycles > 60


def test_without_the_skips_a_cycle_forgets_what_it_was_given() -> None:
    u, f = problem(63)
    exact = VCycle().solve(f, tolerance=1e-12).u
    for skips, low, high in ((True, 0.0, 1e-6), (False, 0.1, np.inf)):
        cycle, found = VCycle(skips=skips).double(), u
        with torch.no_grad():
            for _ in range(10):
                found = cycle(found, f)
        assert low <= float((found - exact).norm() / exact.norm()) <= high


def test_float32_cycles_take_as_many_as_float64s() -> None:
    _, f = problem(127)
    mixed = VCycle().solve(f)
    u, cycle, norms = torch.zeros_like(f), VCycle().double(), []
    with torch.no_grad():
        for _ in range(mixed.num_cycles):
            u = cycle(u, f)
            r = residual(u, f / 128**2, cycle.stencil) * 128**2
            norms.append(float(r.norm() / f.norm()))
    assert mixed.residuals[-1] == pytest.approx(norms[-1], rel=0.3)


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_its_gradients_are_those_of_finite_differences(kernel_size: int) -> None:
    cycle = VCycle(pre=1, post=1, kernel_size=kernel_size, coarsest=3).double()
    cycle.restriction.requires_grad_()
    cycle.prolongation.requires_grad_()
    u, f = problem(7)
    parameters = [p for p in cycle.parameters() if p.requires_grad]

    def run(*values: Tensor) -> Tensor:
        names = [n for n, p in cycle.named_parameters() if p.requires_grad]
        return torch.func.functional_call(cycle, dict(zip(names, values, strict=True)), (u, f))

    assert torch.autograd.gradcheck(run, tuple(parameters))


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("pre", [0, 2])
@pytest.mark.parametrize("is_separable", [True, False])
def test_without_gradients_it_computes_the_same_and_leaves_its_input(
    kernel_size: int, pre: int, is_separable: bool
) -> None:
    cycle = VCycle(pre=pre, kernel_size=kernel_size, dtype=torch.float64)
    if not is_separable:
        with torch.no_grad():
            cycle.restriction += 0.01 * torch.randn(3, 3)
            cycle.prolongation += 0.01 * torch.randn(3, 3)
    u, f = problem(31, 63)
    kept, expected = (u.clone(), f.clone()), cycle(u, f)
    with torch.no_grad():
        found = cycle(u, f)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert torch.equal(u, kept[0])
    assert torch.equal(f, kept[1])


def test_without_prolongation_a_cycle_is_its_sweeps_alone() -> None:
    u, f = problem(31)
    cycle = VCycle(weights=(0.8,) * 4, dtype=torch.float64)
    with torch.no_grad():
        cycle.prolongation.zero_()
        found, expected = cycle(u, f), u
        for _ in range(4):
            expected = expected + 0.2 * residual(expected, f / 32**2, cycle.stencil)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


def test_training_its_smoothers_makes_a_cycle_contract_more() -> None:
    cycle = VCycle(pre=1, post=1, kernel_size=3).double()
    error = torch.randn(4, 31, 31, dtype=torch.float64)
    zero = torch.zeros_like(error)
    with torch.no_grad():
        for _ in range(4):
            error = cycle(error, zero)
        error /= error.norm()
    optimizer = torch.optim.Adam(cycle.parameters(), lr=0.01)
    losses = []
    for _ in range(25):
        loss = cycle(cycle(error, zero), zero).norm()
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.6 * losses[0]


def test_the_range_of_poissons_upper_frequencies_gives_the_classical_weight() -> None:
    stencil = VCycle().stencil
    assert chebyshev_weights(stencil, 1) == pytest.approx([0.8])
    w = chebyshev_weights(stencil, 2)
    damping = max(abs((1 - w[0] * x) * (1 - w[1] * x)) for x in np.linspace(0.5, 2, 1001))
    assert damping == pytest.approx(1 / (2 * (5 / 3) ** 2 - 1), rel=1e-6)


def test_grids_halve_until_they_are_small() -> None:
    assert sizes(63, 31, 7) == [(63, 31), (31, 15), (15, 7), (7, 3)]
    assert sizes(20, 20, 7) == [(20, 20)]


def test_a_copy_and_its_saved_state_compute_the_same() -> None:
    u, f = problem(31)
    cycle = VCycle(kernel_size=3).double()
    with torch.no_grad():
        cycle.smoothers.add_(0.01)
    expected = cycle(u, f)
    assert torch.equal(copy.deepcopy(cycle)(u, f), expected)
    other = VCycle(kernel_size=3).double()
    other.load_state_dict(cycle.state_dict())
    assert torch.equal(other(u, f), expected)


def test_scan_finds_the_skips_of_every_level() -> None:
    report = plusone.scan(
        VCycle(pre=1, post=1), (torch.zeros(31, 31), torch.randn(31, 31)), quick=True
    )
    assert report.skips


def test_the_benchmark_states_each_power_of_the_cost_and_no_fit_over_them() -> None:
    rows = [(255, 9, 5.0, 0.0), (511, 9, 1.0, 0.0), (1023, 9, 2.0, 0.0), (2047, 9, 16.0, 0.0)]
    assert local_powers(rows) == (
        "0.50 from 511 x 511 to 1023 x 1023 and 1.50 from 1023 x 1023 to 2047 x 2047"
    )


@pytest.mark.parametrize(
    ("factor", "dtype"),
    [
        (1e-25, torch.float32),
        (1e25, torch.float32),
        (1e300, torch.float64),
        (1e-190, torch.float64),
        (1e-290, torch.float64),
    ],
)
def test_very_small_and_very_large_numbers_are_solved_alike(
    factor: float, dtype: torch.dtype
) -> None:
    f = torch.randn(31, 31, dtype=dtype)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-10
    plain, scaled = (VCycle().solve(g, tolerance=tolerance) for g in (f, f * factor))
    assert scaled.is_converged
    assert scaled.num_cycles == plain.num_cycles
    torch.testing.assert_close(scaled.u / factor, plain.u, rtol=1e-4, atol=1e-6)


def with_nan() -> torch.Tensor:
    f = torch.ones(2, 7, 7)
    f[1, 0, 3] = math.nan
    return f


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: VCycle().solve(torch.ones(100, 100)), "100 x 100 .* below 100x100: .* 63 or 127"),
        (lambda: VCycle().solve(torch.ones(89, 89)), "below 44x44: its side of 89 comes to 44"),
        (lambda: VCycle().solve(torch.ones(3, 127)), "below 1x63: its side of 3 .* take 7 or 15"),
        (lambda: VCycle().solve(torch.ones(255, 3)), "its side of 3 .* still 127; take 15 or 31"),
        (lambda: VCycle(coarsest=63).solve(torch.ones(63, 63)), "63x63: coarsest=63 ends it"),
        (lambda: VCycle(stencil=((0, -1, 0), (-1.5, 4, -0.5), (0, -1, 0))), "first-order .* 1 alo"),
        (lambda: VCycle(stencil=((0, -2, 0), (-1, 4, -1), (0, 0, 0))), "0 along x and 2 along y"),
        (lambda: VCycle().solve(torch.ones(7)), "f is torch.float32 of shape (7,)"),
        (lambda: VCycle().solve(torch.ones(7, 7, dtype=torch.int64)), "f is torch.int64"),
        (lambda: VCycle()(torch.ones(7, 7), torch.ones(3, 3)), "u has the shape"),
        (lambda: VCycle(pre=0, post=0), "pre=0 and post=0 sweeps"),
        (lambda: VCycle(kernel_size=2), "kernel_size is 2"),
        (lambda: VCycle(weights=(0.8,)), "1 weights for 2"),
        (lambda: VCycle().solve([1.0, 2.0]), "f is a list; it must be a tensor"),  # type: ignore[arg-type]
        (lambda: VCycle().solve(torch.zeros(0, 0)), "it must be numbers on a grid"),
        (lambda: VCycle()(torch.zeros(7, 7), torch.zeros(7, 7).double()), "they must be the same"),
        (lambda: VCycle().solve(with_nan()), "f holds NaN or infinity, first at [1, 0, 3]"),
        (lambda: VCycle().solve(torch.ones(2, 7, 7), start=with_nan()), "start holds NaN"),
        (lambda: VCycle().solve(torch.ones(7, 7, device="meta")), "f is on the meta device"),
        (
            lambda: VCycle().solve(torch.eye(7).to_sparse()),
            "f is torch.sparse_coo; it must be dense",
        ),
        (lambda: VCycle().to("meta").solve(torch.ones(7, 7)), "the VCycle is on the meta device"),
        (lambda: VCycle().solve(torch.ones(7, 7), tolerance=math.nan), "tolerance is nan"),
        (lambda: VCycle().solve(torch.ones(7, 7), tolerance="x"), "tolerance is 'x'"),  # type: ignore[arg-type]
        (lambda: VCycle().solve(torch.ones(7, 7), max_cycles=-1), "max_cycles is -1"),
        (lambda: VCycle(pre=5.5), "pre is 5.5; it must be a whole"),  # type: ignore[arg-type]
        (lambda: VCycle(post=-1), "post is -1; it must be a whole number, 0 or more"),
        (lambda: VCycle(coarsest=0), "coarsest is 0; it must be a whole number, 1 or more"),
        (lambda: VCycle(weights=0.8), "the weights are 0.8; give one for each"),  # type: ignore[arg-type]
        (lambda: VCycle(weights=[math.nan] * 4), "they must be finite numbers"),
        (lambda: VCycle(dtype=torch.int64), "dtype is torch.int64; it must be one"),
        (lambda: VCycle(dtype="float"), "dtype is float; it must be one"),  # type: ignore[arg-type]
        (lambda: VCycle(stencil=None), "the stencil is None"),  # type: ignore[arg-type]
        (lambda: VCycle(stencil="x"), "the stencil is 'x'"),  # type: ignore[arg-type]
        (lambda: VCycle(stencil=((0, 1), (1, 0))), "it must be 3 x 3 finite numbers"),
        (lambda: VCycle(stencil=((0, 1, 0), (1, 0, 1), (0, 1, 0))), "it must be 3 x 3 finite"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(make, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=re.sub(r"([()\[\]])", r"\\\1", words)):
        make()
