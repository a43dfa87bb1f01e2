"""The batched recurrence on dense matrices: random ones, low rank, and what is not finite."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plusone.probe.chain import ritz_largest
from plusone.probe.golub_kahan import Bidiagonalisation, random_start
from plusone.probe.operator import NotMeasurable
from probe.spectra.matrix import MatrixOperator


def run(A_BMN: torch.Tensor, steps: int, seed: int = 0) -> Bidiagonalisation:
    operator = MatrixOperator(A_BMN)
    start = random_start(operator, generator=torch.Generator().manual_seed(seed))
    recurrence = Bidiagonalisation(operator, start_BN=start)
    for _ in range(steps):
        recurrence.step()
    return recurrence


def bidiagonal(bonds: list[float]) -> torch.Tensor:
    alphas, betas = bonds[0::2], bonds[1::2]
    B = torch.diag(torch.tensor(alphas, dtype=torch.float64))
    for i, beta in enumerate(betas[: len(alphas) - 1]):
        B[i, i + 1] = beta
    return B


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(2, 9))
def test_ritz_values_lie_in_the_exact_range_and_the_largest_grows(
    seed: int, num_outputs: int, num_inputs: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    A = torch.randn(3, num_outputs, num_inputs, generator=generator, dtype=torch.float64)
    exact = torch.linalg.svdvals(A)[:, 0]
    recurrence = run(A, 2 * min(num_outputs, num_inputs), seed)
    for bonds, top in zip(recurrence.bonds, exact.tolist(), strict=True):
        values = [ritz_largest(bonds[:m]) for m in range(1, len(bonds) + 1)]
        assert all(b >= a * (1 - 2e-5) for a, b in itertools.pairwise(values))
        assert values[-1] <= top * (1 + 2e-5)
        assert torch.linalg.svdvals(bidiagonal(bonds))[0] <= top * (1 + 1e-9)
        assert values[-1] == pytest.approx(top, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("shape", [(8, 8), (5, 12), (12, 5)])
def test_all_steps_give_all_singular_values(shape: tuple[int, int], dtype: torch.dtype) -> None:
    A = torch.randn(2, *shape, dtype=dtype)
    exact = torch.linalg.svdvals(A.double())
    recurrence = run(A, 2 * min(shape) + 1)
    for bonds, values in zip(recurrence.bonds, exact, strict=True):
        found = torch.linalg.svdvals(
            bidiagonal(bonds) if shape[0] >= shape[1] else bidiagonal_wide(bonds, shape[0])
        )
        torch.testing.assert_close(found[: len(values)], values, rtol=1e-4, atol=1e-5)


def bidiagonal_wide(bonds: list[float], rows: int) -> torch.Tensor:
    B = torch.zeros(rows, rows + 1, dtype=torch.float64)
    for i in range(rows):
        B[i, i], B[i, i + 1] = bonds[2 * i], bonds[2 * i + 1]
    return B


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_low_rank_exhausts_the_space_and_is_then_exact(rank: int) -> None:
    A = torch.randn(2, 20, rank) @ torch.randn(2, rank, 30)
    recurrence = run(A, 12)
    assert recurrence.is_finished
    assert recurrence.is_exhausted == [True, True]
    exact = torch.linalg.svdvals(A.double())[:, 0].tolist()
    for bonds, top in zip(recurrence.bonds, exact, strict=True):
        assert ritz_largest(bonds) == pytest.approx(top, rel=1e-4, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e15])
def test_a_multiple_of_the_identity_takes_one_pair(scale: float) -> None:
    recurrence = run(scale * torch.eye(50).expand(2, 50, 50), 2)
    assert recurrence.is_finished
    assert recurrence.bonds[0][0] == pytest.approx(scale)


def test_large_finite_products_do_not_overflow() -> None:
    recurrence = run(1e30 * torch.randn(1, 40, 40), 6)
    assert recurrence.is_lost == [False]
    assert 1e30 < ritz_largest(recurrence.bonds[0]) < 1e33


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_sample_that_is_not_finite_is_lost_alone(value: float) -> None:
    A = torch.randn(3, 10, 10)
    clean = run(A, 6)
    A = A.clone()
    A[1, 2, 3] = value
    recurrence = run(A, 6)
    assert recurrence.is_lost == [False, True, False]
    assert all(map(math.isnan, recurrence.bonds[1]))
    assert recurrence.bonds[0] == clean.bonds[0]
    assert recurrence.bonds[2] == clean.bonds[2]


def test_a_transpose_that_is_none_is_refused() -> None:
    operator = MatrixOperator(torch.randn(1, 10, 10), transpose=torch.randn(1, 10, 10))
    start = random_start(operator, generator=torch.Generator().manual_seed(0))
    recurrence = Bidiagonalisation(operator, start_BN=start)
    recurrence.step()
    with pytest.raises(NotMeasurable, match="transpose disagree"):
        recurrence.step()


@pytest.mark.parametrize("size", [11, 64])
def test_rounding_to_half_precision_is_no_broken_transpose(size: int) -> None:
    # Each product of a bfloat16 net is rounded; both are those of one matrix all the same.
    class Rounded(MatrixOperator):
        def matvec(self, v_BN: torch.Tensor, /) -> torch.Tensor:
            return super().matvec(v_BN).bfloat16().float()

        def rmatvec(self, u_BM: torch.Tensor, /) -> torch.Tensor:
            return super().rmatvec(u_BM).bfloat16().float()

    for seed in range(30):
        A = torch.randn(2, size, size, generator=torch.Generator().manual_seed(seed))
        operator = Rounded(A)
        start = random_start(operator, generator=torch.Generator().manual_seed(seed))
        recurrence = Bidiagonalisation(operator, start_BN=start)
        for _ in range(10):
            recurrence.step()
        for bonds, top in zip(recurrence.bonds, torch.linalg.svdvals(A)[:, 0], strict=True):
            assert ritz_largest(bonds) <= 1.02 * float(top)


@pytest.mark.parametrize(("dtype", "off"), [(torch.float64, 1e-4), (torch.float32, 0.3)], ids=str)
def test_a_transpose_that_is_off_is_refused(dtype: torch.dtype, off: float) -> None:
    A = torch.randn(1, 40, 40, dtype=dtype)
    operator = MatrixOperator(A, transpose=(1 + off) * A.mT)
    start = random_start(operator, generator=torch.Generator().manual_seed(0))
    recurrence = Bidiagonalisation(operator, start_BN=start)
    recurrence.step()
    with pytest.raises(NotMeasurable, match="transpose disagree"):
        recurrence.step()


def test_starts_come_from_the_generator_alone() -> None:
    operator = MatrixOperator(torch.randn(2, 5, 7))
    before = torch.get_rng_state()
    first, again, other = (
        random_start(operator, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.testing.assert_close(first.norm(dim=1), torch.ones(2))


def test_a_start_is_not_an_input_of_the_same_seed() -> None:
    operator = MatrixOperator(torch.randn(2, 5, 700))
    x = torch.randn(2, 700, generator=torch.Generator().manual_seed(3))
    start = random_start(operator, generator=torch.Generator().manual_seed(3))
    assert torch.nn.functional.cosine_similarity(x, start).abs().max() < 0.2
