"""Spectral norm, Frobenius norm and stable rank of F and of the block, against dense Jacobians."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn

from plusone.probe.block_spectra import BlockPlaces, Unmeasured, block_spectra
from plusone.probe.operator import Place
from plusone.probe.spectrum import Estimate, JacobianSpectrum, SpectrumConfig
from probe.spectra.cases import CASES, Case
from probe.spectra.test_operator import Hidden

from oracle.dense_jacobian import dense_jacobian, singular_values, stable_rank

DTYPES = [torch.float64, torch.float32]
LONG = SpectrumConfig(tolerance=1e-7, max_steps=150)


def measure(case: Case, x: torch.Tensor, seed: int = 0, **config: float) -> dict[str, object]:
    generator = torch.Generator().manual_seed(seed)
    found = block_spectra(case.places(x), generator=generator, config=SpectrumConfig(**config))
    return {"branch": found.branch, "block": found.block}


def truth(case: Case, x: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"branch": dense_jacobian(case.branch, x), "block": dense_jacobian(case.whole, x)}


def spectrum(found: object) -> JacobianSpectrum:
    assert isinstance(found, JacobianSpectrum)
    return found


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_many_steps_give_the_exact_spectral_norm(name: str, dtype: torch.dtype) -> None:
    case = CASES[name].to(dtype)
    x = case.input(dtype=dtype)
    found, exact = measure(case, x, tolerance=1e-7, max_steps=150), truth(case, x)
    for part in ("branch", "block"):
        top = float(singular_values(exact[part])[:, 0].mean())
        result = spectrum(found[part])
        assert result.spectral_norm.value == pytest.approx(top, rel=2e-4)
        assert result.lower <= top * (1 + 1e-4)


@pytest.mark.parametrize("name", CASES)
def test_default_steps_give_the_norm_within_three_stated_errors(name: str) -> None:
    case = CASES[name]
    x = case.input(batch=4)
    exact = truth(case, x)
    for part, result in measure(case, x).items():
        result = spectrum(result)
        top = float(singular_values(exact[part])[:, 0].mean())
        miss = abs(result.spectral_norm.value - top)
        assert miss <= 3 * result.spectral_norm.error + 1e-4 * top
        assert result.converged
        assert result.spectral_norm.error <= 0.05 * result.spectral_norm.value
        assert result.lower <= top * (1 + 1e-4)
        assert result.upper >= top * (1 - 1e-4)


def test_the_stated_error_holds_in_nine_cases_of_ten() -> None:
    misses = []
    for name in ("mlp", "layernorm-gelu", "attention", "preact-conv-bn", "conv1d-dilated"):
        case = CASES[name]
        x = case.input(batch=4)
        exact = truth(case, x)
        for seed in range(8):
            for part, result in measure(case, x, seed).items():
                norm = spectrum(result).spectral_norm
                top = float(singular_values(exact[part])[:, 0].mean())
                misses.append(abs(norm.value - top) / norm.error)
    assert sum(m <= 1 for m in misses) >= 0.9 * len(misses)
    assert max(misses) <= 3


@pytest.mark.parametrize("name", CASES)
def test_frobenius_and_stable_rank_are_right_within_their_errors(name: str) -> None:
    case = CASES[name]
    x = case.input(batch=8)
    exact = truth(case, x)
    found = measure(case, x)
    for part in ("branch", "block"):
        J = exact[part]
        result = spectrum(found[part])
        rms = float((torch.linalg.matrix_norm(J) / math.sqrt(J.shape[2])).mean())
        rank = float(stable_rank(J).mean())
        miss = abs(result.frobenius_rms.value - rms)
        assert miss <= 4 * result.frobenius_rms.error + 1e-6 * rms
        assert abs(result.stable_rank.value - rank) <= 2 * result.stable_rank.error + 1e-6 * rank


def test_the_error_of_one_frobenius_probe_is_its_standard_deviation() -> None:
    case = CASES["layernorm-gelu"]
    x = case.input(batch=1).expand(200, -1, -1)
    result = spectrum(measure(case, x)["branch"])
    assert result.frobenius_rms.stderr == pytest.approx(result.frobenius_rms.error, rel=0.25)


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_no_stable_rank_is_below_one_and_no_norm_below_what_was_seen(rank: int) -> None:
    # One probe that misses the only direction sees nothing; the chain behind it does.
    d = 60
    left, right = (torch.linalg.qr(torch.randn(d, d, dtype=torch.float64))[0] for _ in range(2))
    values = torch.zeros(d, dtype=torch.float64)
    values[:rank] = 1.0 / torch.arange(1, rank + 1)
    A = left @ torch.diag(values) @ right
    exact = float(values.square().sum().sqrt()) / math.sqrt(d)
    low = 0
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        branch = spectrum(block_spectra(linear_block(A, batch=1), generator=generator).branch)
        assert branch.stable_rank.value >= 1.0
        if rank <= 2:  # the chain ends, and all that it can see is known
            assert branch.spectral_norm.value == pytest.approx(1.0, rel=1e-9)
            assert branch.spectral_norm.error == 0.0
        low += branch.frobenius_rms.value < 0.9 * exact
    assert low <= (0 if rank == 1 else 10)


def test_the_error_of_a_probe_that_misses_an_outlier_says_so() -> None:
    d = 200
    misses = []
    for seed in range(60):
        generator = torch.Generator().manual_seed(seed)
        A = torch.randn(d, d, generator=generator, dtype=torch.float64) / math.sqrt(d)
        A += 8 * torch.outer(*torch.randn(2, d, generator=generator, dtype=torch.float64)) / d
        found = spectrum(block_spectra(linear_block(A, batch=1), generator=generator).branch)
        exact = float(torch.linalg.matrix_norm(A)) / math.sqrt(d)
        misses.append(abs(found.frobenius_rms.value - exact) / found.frobenius_rms.error)
    assert sum(m <= 2 for m in misses) >= 0.9 * len(misses)
    assert max(misses) <= 4


def test_small_blocks_are_measured_exactly() -> None:
    case = CASES["small"]
    x = case.input()
    exact = truth(case, x)
    for part, result in measure(case, x).items():
        result = spectrum(result)
        assert result.is_exact
        assert result.spectral_norm.error == 0.0
        norms = singular_values(exact[part])[:, 0]
        assert result.spectral_norm.value == pytest.approx(float(norms.mean()))
        spread = float(norms.std()) / math.sqrt(2)
        assert result.spectral_norm.stderr == pytest.approx(spread)
        assert result.stable_rank.value == pytest.approx(float(stable_rank(exact[part]).mean()))


def linear_block(A: torch.Tensor, batch: int = 2) -> BlockPlaces:
    x = torch.randn(batch, A.shape[1], dtype=A.dtype).requires_grad_() * 1
    f = x @ A.T
    return BlockPlaces(
        source=Place.of(x), branch=Place.of(f), output=Place.of(x + f), batch=batch, join="identity"
    )


@pytest.mark.parametrize(
    "values",
    [
        torch.linspace(0.1, 2.0, 120),
        torch.cat([torch.full((119,), 0.5), torch.tensor([4.0])]),
        torch.logspace(-6, 1, 120),
        torch.cat([torch.ones(60), torch.full((60,), 3.0)]),
    ],
    ids=["uniform", "outlier", "log-uniform", "two-point"],
)
def test_prescribed_singular_values_are_found(values: torch.Tensor) -> None:
    d = len(values)
    Q, _ = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64))
    R, _ = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64))
    A = Q @ torch.diag(values.double()) @ R.T
    found = block_spectra(linear_block(A), generator=torch.Generator().manual_seed(0))
    for result, matrix in (
        (found.branch, A),
        (found.block, A + torch.eye(d, dtype=A.dtype)),
    ):
        top = float(torch.linalg.matrix_norm(matrix, ord=2))
        result = spectrum(result)
        assert result.spectral_norm.value == pytest.approx(top, rel=0.05)
        assert abs(result.spectral_norm.value - top) <= 2 * result.spectral_norm.error + 1e-4 * top


def test_a_zero_branch_has_norm_zero_and_the_block_is_the_identity() -> None:
    found = block_spectra(linear_block(torch.zeros(30, 30)), generator=torch.Generator())
    branch, block = spectrum(found.branch), spectrum(found.block)
    assert branch.spectral_norm == Estimate(value=0.0, stderr=0.0, error=0.0)
    assert math.isnan(branch.stable_rank.value)
    assert block.spectral_norm.value == pytest.approx(1.0)
    assert block.spectral_norm.error == 0.0
    assert block.stable_rank.value == pytest.approx(30.0)
    assert branch.converged
    assert block.converged


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_nan_and_ends_at_once(value: float) -> None:
    A = torch.randn(40, 40)
    A[0, 0] = value
    found = block_spectra(linear_block(A), generator=torch.Generator())
    for result in (spectrum(found.branch), spectrum(found.block)):
        assert math.isnan(result.spectral_norm.value)
        assert math.isnan(result.stable_rank.value)
        assert not result.converged
        assert result.num_products <= 2


def test_scaling_the_branch_scales_its_norms_and_keeps_its_stable_rank() -> None:
    A = torch.randn(60, 60, dtype=torch.float64)
    one, three = (
        spectrum(block_spectra(linear_block(c * A), generator=torch.Generator()).branch)
        for c in (1.0, 3.0)
    )
    assert three.spectral_norm.value == pytest.approx(3 * one.spectral_norm.value, rel=1e-4)
    assert three.frobenius_rms.value == pytest.approx(3 * one.frobenius_rms.value)
    assert three.stable_rank.value == pytest.approx(one.stable_rank.value, rel=1e-3)


@pytest.mark.parametrize("name", ["mlp", "attention", "concat", "projection-conv"])
def test_results_depend_on_the_generator_alone(name: str) -> None:
    case = CASES[name]
    x = case.input()
    before = torch.get_rng_state()
    first, again, other = (measure(case, x, seed) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert first == again
    assert first != other


def test_a_block_that_cannot_be_differentiated_twice_says_so_and_keeps_its_frobenius_norm() -> None:
    A = torch.randn(60, 60, dtype=torch.float64)
    x = torch.randn(64, 60, dtype=torch.float64).requires_grad_() * 1
    f = Hidden.apply(x @ A.T)
    places = BlockPlaces(
        source=Place.of(x), branch=Place.of(f), output=Place.of(x + f), batch=64, join="identity"
    )
    eye = torch.eye(60, dtype=torch.float64)
    for join in ("identity", "other"):
        found = block_spectra(
            dataclasses.replace(places, join=join), generator=torch.Generator().manual_seed(0)
        )
        for result, matrix in ((found.branch, 2 * A), (found.block, 2 * A + eye)):
            assert isinstance(result, Unmeasured)
            assert "again" in result.reason
            assert result.frobenius_rms is not None
            exact = float(torch.linalg.matrix_norm(matrix)) / math.sqrt(60)
            assert abs(result.frobenius_rms.value - exact) <= 4 * result.frobenius_rms.error


@pytest.mark.parametrize("outputs", [40, 120])
def test_the_frobenius_norm_by_the_transpose_counts_inputs(outputs: int) -> None:
    A = torch.randn(outputs, 60, dtype=torch.float64)
    x = torch.randn(64, 60, dtype=torch.float64).requires_grad_() * 1
    f = Hidden.apply(x @ A.T)
    places = BlockPlaces(source=Place.of(x), branch=Place.of(f), output=Place.of(2 * f), batch=64)
    found = block_spectra(places, generator=torch.Generator().manual_seed(0))
    for result, factor in ((found.branch, 2.0), (found.block, 4.0)):
        assert isinstance(result, Unmeasured)
        assert result.frobenius_rms is not None
        exact = factor * float(torch.linalg.matrix_norm(A)) / math.sqrt(60)
        assert abs(result.frobenius_rms.value - exact) <= 4 * result.frobenius_rms.error
        assert result.frobenius_rms.error <= 0.1 * exact


def test_flash_attention_gives_the_reason_that_torch_gives() -> None:
    q = torch.randn(1, 2, 8, 8).requires_grad_() * 1
    f = nn.functional.scaled_dot_product_attention(q, q, q)
    places = BlockPlaces(source=Place.of(q), branch=None, output=Place.of(f), batch=1)
    found = block_spectra(places, generator=torch.Generator())
    assert found.branch is None
    assert isinstance(found.block, Unmeasured)
    assert "flash_attention" in found.block.reason
    assert found.block.frobenius_rms is not None
