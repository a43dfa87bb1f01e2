"""max |1 + lambda| of residual blocks against dense eigenvalues, exact and by Arnoldi."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import plusone
from plusone.nn import Residual
from plusone.probe.step_stability import by_arnoldi, of_jacobians


class Matrices:
    """An operator of given matrices [B, N, N]."""

    def __init__(self, matrices: torch.Tensor) -> None:
        self.matrices = matrices
        self.num_samples, self.num_outputs, self.num_inputs = matrices.shape
        self.dtype, self.device = matrices.dtype, matrices.device
        self.num_products = 0

    def matvec(self, v: torch.Tensor, /) -> torch.Tensor:
        return torch.einsum("bmn,bn->bm", self.matrices, v)

    def rmatvec(self, u: torch.Tensor, /) -> torch.Tensor:
        self.num_products += 1
        return torch.einsum("bmn,bm->bn", self.matrices, u)


def found_by_arnoldi(matrices: torch.Tensor, shift: float = 0.0):  # type: ignore[no-untyped-def]
    operator = Matrices(matrices)
    start = torch.randn(matrices.shape[:2], dtype=matrices.dtype)
    start = start / start.norm(dim=1, keepdim=True)
    found = by_arnoldi(operator, start_BN=start, shift=shift)
    assert operator.num_products <= 6
    return found


def growths(matrices: torch.Tensor) -> list[float]:
    return [float(np.abs(1 + np.linalg.eigvals(j)).max()) for j in matrices.double().numpy()]


def test_whole_jacobians_give_the_mean_over_samples_of_their_eigenvalues() -> None:
    j = torch.randn(3, 6, 6, dtype=torch.float64) / 3
    found = of_jacobians(j)
    assert found.growth == pytest.approx(np.mean(growths(j)))
    assert found.growth_error == pytest.approx(np.std(growths(j), ddof=1) / math.sqrt(3))


@pytest.mark.parametrize("kind", ["gated", "projection"])
def test_a_singular_jacobian_has_the_limit_in_float32_that_it_has_in_float64(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    k = torch.randn(10, 16, 16, generator=generator, dtype=torch.float64) / 4
    if kind == "gated":  # Haber and Ruthotto's -K^T D K, half of whose gates are shut
        jacobians = -k.mT @ torch.diag((torch.arange(16) % 2).double()) @ k
    else:
        q = torch.linalg.qr(k[:, :, :5]).Q
        jacobians = -q @ q.mT
    exact, found = of_jacobians(jacobians), of_jacobians(jacobians.float())
    assert exact.limit > 0.1
    assert found.limit == pytest.approx(exact.limit, rel=1e-4)


def test_arnoldi_is_exact_where_its_space_is_all_of_the_matrix() -> None:
    j = torch.randn(2, 6, 6, dtype=torch.float64)
    found, dense = found_by_arnoldi(j), of_jacobians(j)
    assert found.growth == pytest.approx(dense.growth, rel=1e-8)
    assert found.limit == pytest.approx(dense.limit, rel=1e-6, abs=1e-9)


def test_arnoldi_is_exact_on_a_matrix_of_low_rank_and_on_zero() -> None:
    a, b = torch.randn(2, 2, 100, 3, dtype=torch.float64) / 10
    j = a @ b.mT
    assert found_by_arnoldi(j).growth == pytest.approx(np.mean(growths(j)), rel=1e-8)
    nothing = found_by_arnoldi(torch.zeros(1, 50, 50))
    assert (nothing.growth, nothing.limit) == (1.0, math.inf)


def test_arnoldi_finds_the_outer_eigenvalue_of_a_large_matrix() -> None:
    n = 200
    basis = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64)).Q
    values = torch.linspace(-1, 0, n, dtype=torch.float64)
    values[0] = 0.8
    j = (basis * values @ basis.T)[None]
    assert found_by_arnoldi(j).growth == pytest.approx(1.8, abs=0.01)
    assert found_by_arnoldi(j + torch.eye(n), shift=-1.0).growth == pytest.approx(1.8, abs=0.01)


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_arnoldi_states_how_far_it_is_on_a_random_matrix(scale: float) -> None:
    j = scale * torch.randn(4, 300, 300, dtype=torch.float64) / math.sqrt(300)
    found, expected = found_by_arnoldi(j), np.mean(growths(j))
    assert 1 + 0.4 * (expected - 1) < found.growth < expected
    assert abs(found.growth - expected) <= 2 * found.growth_error


@pytest.mark.parametrize("kind", ["shifted", "turning", "rotating", "decaying"])
def test_arnoldi_states_how_far_the_limit_is_off(kind: str) -> None:
    n = 300
    noise = torch.randn(4, n, n, dtype=torch.float64) / math.sqrt(n)
    eye = torch.eye(n, dtype=torch.float64)
    j = {
        "shifted": -1.2 * eye + noise,
        "turning": (noise - noise.mT) / math.sqrt(2) - 0.5 * eye,
        "rotating": (noise - noise.mT) / math.sqrt(2) - 0.1 * eye,
        "decaying": -noise.mT @ noise / 2,
    }[kind]
    found, dense = found_by_arnoldi(j), of_jacobians(j)
    assert found.limit_error is not None
    assert dense.limit < found.limit < 1.5 * dense.limit
    assert found.limit - dense.limit <= 2 * found.limit_error
    assert found.limit_error < 3 * dense.limit  # of "rotating"; a half or less of the others


def test_no_stable_step_has_the_error_of_the_step_that_might_be() -> None:
    j = torch.randn(4, 300, 300, dtype=torch.float64) / math.sqrt(300)
    found = found_by_arnoldi(j)
    assert found.limit == 0
    assert found.limit_error is not None
    assert found.limit_error < 1.0


def test_a_sample_that_is_not_finite_makes_the_mean_nan() -> None:
    j = torch.full((1, 40, 40), math.nan)
    assert math.isnan(found_by_arnoldi(j).growth)
    assert math.isnan(of_jacobians(j).growth)


def test_scan_reports_the_growth_of_identity_blocks_and_of_no_others() -> None:
    turn = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        turn.weight.copy_(torch.tensor([[-0.1, 1.0], [-1.0, -0.1]]))
    net = nn.Sequential(Residual(turn), Residual(turn, scale=0.1), nn.Linear(2, 2), nn.Tanh())
    blocks = plusone.scan(net, torch.randn(8, 2)).data.blocks
    whole, short = blocks[0], blocks[1]
    assert float(whole.step_growth) == pytest.approx(abs(complex(0.9, 1.0)), rel=1e-5)
    assert float(whole.step_limit) == pytest.approx(0.2 / 1.01, rel=1e-5)
    assert float(short.step_growth) == pytest.approx(abs(complex(0.99, 0.1)), rel=1e-5)
    assert float(short.step_limit) == pytest.approx(2 / 1.01, rel=1e-5)
    assert all(not b.step_growth.is_measured for b in blocks if b.kind == "plain")


def test_scan_measures_wide_blocks_too() -> None:
    layer = nn.Linear(64, 64, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.diag(torch.cat([torch.linspace(-1, 0, 63), torch.tensor([0.5])])))
    report = plusone.scan(nn.Sequential(Residual(layer), Residual(layer)), torch.randn(4, 64))
    for block in report.data.blocks:
        assert float(block.step_growth) == pytest.approx(1.5, abs=0.02)


def test_the_example_of_the_docs_runs() -> None:
    page = Path(__file__).parents[2] / "docs" / "step.md"
    (block,) = re.finditer(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    exec(compile(block[1], str(page), "exec"), {"__name__": "page"})
