"""Traces and their standard errors against dense Hessians."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from landscape.matrices import Matrix, like_a_hessian
from landscape.nets import CASES, dense
from plusone.errors import InputError
from plusone.landscape import (
    Interrupted,
    Lanczos,
    NotConvergedWarning,
    TraceConfig,
    terrain,
    trace,
)
from plusone.landscape.hutchinson import student_95


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("deflate", [0, 10])
def test_the_dense_trace_is_within_four_standard_errors(name: str, deflate: int) -> None:
    exact = float(dense(name).trace())
    with terrain(*CASES[name]().batch) as here, here.hessian() as H:
        found = trace(H, config=TraceConfig(tol=0.5, deflate=deflate))
    assert found.converged
    assert abs(found.value - exact) <= 4 * found.stderr


def test_the_standard_error_is_the_scatter_of_many_runs() -> None:
    operator = like_a_hessian(200)
    exact = float(operator.matrix.trace())
    config = TraceConfig(tol=1e9, max_probes=20, deflate=5)
    runs = [trace(operator, config=config, generator=seeded(seed)) for seed in range(200)]
    errors = np.array([(run.value - exact) / run.stderr for run in runs])
    assert abs(errors.mean()) < 0.35
    assert 0.8 < errors.std() < 1.5  # Student's t of 7 degrees of freedom: 1.18


def test_deflation_takes_fewer_products_for_the_same_error() -> None:
    operator = like_a_hessian(400)
    plain = trace(operator, config=TraceConfig(tol=0.05, max_probes=1000, deflate=0))
    deflated = trace(operator, config=TraceConfig(tol=0.05, max_probes=1000, deflate=20))
    assert deflated.num_products < 0.5 * plain.num_products
    assert deflated.num_deflated == 20


def test_a_recurrence_that_was_run_before_deflates_at_no_cost() -> None:
    operator = like_a_hessian(300)
    run = Lanczos(operator, start=torch.randn(300, dtype=torch.float64))
    for _ in range(30):
        run.step()
    found = trace(operator, recurrence=run)
    assert found.num_deflated == 30
    assert found.num_products == len(found.samples)
    assert abs(found.value - float(operator.matrix.trace())) <= 4 * found.stderr


def test_a_space_that_is_deflated_whole_is_exact() -> None:
    operator = like_a_hessian(9)
    found = trace(operator, config=TraceConfig(deflate=9))
    assert found.value == pytest.approx(float(operator.matrix.trace()), rel=1e-12)
    assert found.stderr == 0.0
    assert found.converged
    assert not found.samples


def test_too_few_probes_warn() -> None:
    with pytest.warns(NotConvergedWarning, match=r"trace after 3 products: .* \+/- "):
        found = trace(like_a_hessian(300), config=TraceConfig(max_probes=3, deflate=0))
    assert not found.converged
    assert found.stderr > 0


def test_products_that_are_not_finite_are_a_result() -> None:
    with pytest.warns(NotConvergedWarning):
        found = trace(Matrix(torch.full((4, 4), math.nan)), config=TraceConfig(max_probes=2))
    assert math.isnan(found.value)


def test_an_interrupted_run_gives_what_it_knows() -> None:
    def watch(share: float) -> None:
        if share > 0.15:
            raise KeyboardInterrupt

    config = TraceConfig(tol=1e-9, max_probes=90, deflate=10)
    with pytest.raises(Interrupted) as caught:
        trace(like_a_hessian(200), config=config, watch=watch)
    assert len(caught.value.partial.samples) == 6
    assert caught.value.partial.stderr > 0


@pytest.mark.parametrize("wrong", [{"max_probes": 1}, {"deflate": -1}, {"tol": 0.0}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be"):
        trace(like_a_hessian(10), config=TraceConfig(**wrong))  # type: ignore[arg-type]


def test_the_interval_is_students() -> None:
    for freedom in (5, 7, 20, 100):
        assert student_95(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=3e-3)
