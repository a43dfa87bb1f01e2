"""Frobenius norm and stable rank where few singular values are not zero, and their errors."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from plusone.probe.block_spectra import BlockPlaces, block_spectra
from plusone.probe.golub_kahan import Bidiagonalisation, random_start
from plusone.probe.krylov import golub_kahan_spectrum
from plusone.probe.operator import Place
from plusone.probe.spectrum import Estimate, JacobianSpectrum, SpectrumConfig
from probe.spectra.matrix import MatrixOperator
from probe.spectra.test_operator import Hidden


def spectra(A: Tensor, seeds: int = 40, batch: int = 1) -> list[JacobianSpectrum]:
    """The spectra of the matrix by one start for each sample and seed."""
    found = []
    for seed in range(seeds):
        operator = MatrixOperator(A.expand(batch, *A.shape))
        start = random_start(operator, generator=torch.Generator().manual_seed(seed))
        recurrence = Bidiagonalisation(operator, start_BN=start)
        found.append(golub_kahan_spectrum(recurrence, config=SpectrumConfig()))
    return found


def rms_of(A: Tensor) -> float:
    return float(torch.linalg.matrix_norm(A)) / math.sqrt(A.shape[1])


def test_of_one_singular_value_the_chain_knows_the_frobenius_norm() -> None:
    A = torch.outer(torch.randn(300).double(), torch.randn(400).double())
    found = spectra(A, seeds=60)
    exact = [abs(s.frobenius_rms.value / rms_of(A) - 1) < 1e-9 for s in found]
    # Otherwise the probe saw so much that the value seems to repeat: 5 % of a normal's square.
    assert sum(exact) >= 0.9 * len(exact)
    assert all(s.stable_rank.value >= 1.0 for s in found)


def test_values_that_repeat_are_counted_by_the_probe() -> None:
    A = torch.diag((torch.arange(400) < 120).double())
    values = [s.frobenius_rms.value for s in spectra(A)]
    assert sum(values) / len(values) == pytest.approx(rms_of(A), rel=0.05)
    assert min(values) >= 0.6 * rms_of(A)


@pytest.mark.parametrize(("rows", "columns"), [(20, 400), (400, 20)])
def test_no_stable_rank_is_above_the_number_of_values(rows: int, columns: int) -> None:
    Q = torch.linalg.qr(torch.randn(400, 20, dtype=torch.float64))[0]
    A = Q if rows == 400 else Q.T.contiguous()
    assert max(s.stable_rank.value for s in spectra(A)) <= 20.0


@pytest.mark.parametrize("join", ["other", "concat"])
def test_the_probe_starts_where_values_are_fewer(join: str) -> None:
    Q = torch.linalg.qr(torch.randn(900, 60, dtype=torch.float64))[0]
    x = torch.randn(2, 900, dtype=torch.float64).requires_grad_() * 1
    f = x @ Q
    whole = torch.cat([x, f], 1) if join == "concat" else f
    places = BlockPlaces(source=Place.of(x), branch=Place.of(f), output=Place.of(whole), batch=2)
    places = replace(places, join=join)
    found = block_spectra(places, generator=torch.Generator().manual_seed(0))
    branch, block = found.branch, found.block
    assert isinstance(branch, JacobianSpectrum)
    assert isinstance(block, JacobianSpectrum)
    assert branch.frobenius_rms.value == pytest.approx(math.sqrt(60 / 900))
    assert branch.stable_rank.value == pytest.approx(60.0)
    expected = math.sqrt(960 / 900) if join == "concat" else math.sqrt(60 / 900)
    assert block.frobenius_rms.value == pytest.approx(expected)


def test_the_noise_of_the_probe_counts_once_beside_the_spread_over_samples() -> None:
    value = Estimate(value=1.0, stderr=0.3, error=0.5, noise=0.4)
    assert value.total == pytest.approx(math.hypot(0.4, 0.3))
    assert replace(value, stderr=0.6).total == pytest.approx(math.hypot(0.6, 0.3))
    assert replace(value, stderr=None).total == pytest.approx(0.5)
    assert replace(value, noise=0.0).total == pytest.approx(math.hypot(0.3, 0.5))


@pytest.mark.parametrize("batch", [1, 2, 6])
def test_the_total_error_of_the_frobenius_norm_is_its_scatter(batch: int) -> None:
    A = torch.randn(200, 200, dtype=torch.float64) / math.sqrt(200)
    values = [s.frobenius_rms for s in spectra(A, seeds=150, batch=batch)]
    scatter = float(torch.tensor([v.value for v in values]).std())
    stated = math.sqrt(sum(v.total**2 for v in values) / len(values))
    # One of two numbers, the spread or the noise, whichever is larger: at two samples 25 % above.
    assert 0.85 * scatter <= stated <= 1.4 * scatter


def test_the_error_by_the_transpose_alone_counts_once() -> None:
    A = torch.randn(200, 200, dtype=torch.float64) / math.sqrt(200)
    values = []
    for seed in range(150):
        x = torch.randn(1, 200, dtype=torch.float64).requires_grad_() * 1
        places = BlockPlaces(
            source=Place.of(x), branch=None, output=Place.of(Hidden.apply(x @ A.T)), batch=1
        )
        found = block_spectra(places, generator=torch.Generator().manual_seed(seed)).block
        assert found.frobenius_rms is not None
        values.append(found.frobenius_rms)
    scatter = float(torch.tensor([v.value for v in values]).std())
    stated = math.sqrt(sum(v.total**2 for v in values) / len(values))
    assert stated == pytest.approx(scatter, rel=0.25)
