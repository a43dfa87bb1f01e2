"""Eigenvalues and their errors against dense decompositions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from landscape.matrices import Matrix, like_a_hessian, with_spectrum
from landscape.nets import CASES, dense, residual_conv
from plusone.errors import InputError
from plusone.landscape import (
    EigenConfig,
    Eigenvalue,
    Interrupted,
    Lanczos,
    NotConvergedWarning,
    terrain,
    top_eigenvalues,
)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def assert_within_error(found: tuple[Eigenvalue, ...], exact: list[float]) -> None:
    assert len(found) == len(exact)
    for eigenvalue, value in zip(found, exact, strict=True):
        assert abs(eigenvalue.value - value) <= 2 * eigenvalue.error


@pytest.mark.parametrize("name", CASES)
def test_both_ends_are_those_of_the_dense_hessian(name: str) -> None:
    exact = torch.linalg.eigvalsh(dense(name)).tolist()
    with terrain(*CASES[name]().batch) as here, here.hessian() as H:
        found = top_eigenvalues(H, config=EigenConfig(k=3, tol=1e-4, max_steps=H.size))
    assert found.converged
    assert_within_error(found.largest, exact[:-4:-1])
    assert_within_error(found.smallest, exact[:3])
    assert found.largest[0].value == pytest.approx(exact[-1], rel=1e-4)


def test_single_precision_is_within_its_stated_error() -> None:
    exact = torch.linalg.eigvalsh(dense("residual_conv")).tolist()
    with terrain(*residual_conv(torch.float32).batch) as here, here.hessian() as H:
        found = top_eigenvalues(H, config=EigenConfig(tol=1e-4))
    assert_within_error(found.largest, exact[-1:])
    assert_within_error(found.smallest, exact[:1])


def test_the_stated_error_holds_in_most_of_many_runs() -> None:
    misses = 0
    num_products = []
    for seed in range(30):
        operator = like_a_hessian(200, seed)
        exact = torch.linalg.eigvalsh(operator.matrix)
        found = top_eigenvalues(operator, config=EigenConfig(tol=1e-2), generator=seeded(seed))
        for eigenvalue, value in ((found.largest[0], exact[-1]), (found.smallest[0], exact[0])):
            misses += abs(eigenvalue.value - float(value)) > eigenvalue.error
        num_products.append(found.num_products)
    assert misses <= 4  # of 60
    assert np.mean(num_products) < 60


def test_one_end_alone_takes_fewer_products() -> None:
    operator = like_a_hessian(300)
    largest = top_eigenvalues(operator, config=EigenConfig(ends="largest"))
    both = top_eigenvalues(operator)
    assert not largest.smallest
    assert largest.num_products < both.num_products
    smallest = top_eigenvalues(operator, config=EigenConfig(ends="smallest"))
    assert smallest.smallest[0].value == pytest.approx(both.smallest[0].value, rel=1e-3)


def test_too_few_steps_warn_and_say_how_far_the_value_is_known() -> None:
    operator = like_a_hessian(300)
    with pytest.warns(NotConvergedWarning, match="eigenvalues after 2 products: .* is known to"):
        found = top_eigenvalues(operator, config=EigenConfig(max_steps=2))
    assert not found.converged
    exact = torch.linalg.eigvalsh(operator.matrix)
    distances = (exact - found.largest[0].value).abs()
    assert float(distances.min()) <= found.largest[0].error


def test_a_chain_that_ends_is_exact() -> None:
    operator = with_spectrum(torch.tensor([3.0, 3.0, -1.0, -1.0, 0.0], dtype=torch.float64))
    run = Lanczos(operator, start=torch.randn(5, dtype=torch.float64))
    found = top_eigenvalues(operator, recurrence=run)
    assert found.num_products == 3
    assert run.is_exhausted
    assert found.largest[0].value == pytest.approx(3, abs=1e-12)
    assert found.smallest[0].value == pytest.approx(-1, abs=1e-12)


def test_no_tolerance_is_closer_than_rounding() -> None:
    operator = Matrix(like_a_hessian(300).matrix.float())
    found = top_eigenvalues(operator, config=EigenConfig(tol=1e-12, max_steps=300))
    assert found.converged
    assert found.num_products < 300
    exact = float(torch.linalg.eigvalsh(operator.matrix.double())[-1])
    assert abs(found.largest[0].value - exact) <= found.largest[0].error


def test_a_zero_matrix_has_eigenvalue_zero() -> None:
    found = top_eigenvalues(Matrix(torch.zeros(4, 4)))
    assert found.converged
    assert found.largest[0].value == found.smallest[0].value == found.largest[0].error == 0.0


def test_products_that_are_not_finite_are_a_result() -> None:
    with pytest.warns(NotConvergedWarning, match="nan is known to nan"):
        found = top_eigenvalues(Matrix(torch.full((4, 4), math.nan)))
    assert math.isnan(found.largest[0].value)


def test_an_interrupted_run_gives_what_it_knows() -> None:
    operator = like_a_hessian(200)

    def watch(share: float) -> None:
        if share >= 0.05:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        top_eigenvalues(operator, watch=watch)
    partial = caught.value.partial
    assert partial.num_products == 5
    assert 0 < partial.largest[0].value <= float(torch.linalg.eigvalsh(operator.matrix)[-1])


@pytest.mark.parametrize("wrong", [{"k": 0}, {"max_steps": 0}, {"tol": 0.0}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be above 0"):
        top_eigenvalues(like_a_hessian(10), config=EigenConfig(**wrong))  # type: ignore[arg-type]


def test_seeds_change_the_start_and_not_the_answer() -> None:
    operator = like_a_hessian(200)
    found = [top_eigenvalues(operator, generator=seeded(seed)) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    assert found[2].largest[0].value == pytest.approx(found[0].largest[0].value, rel=2e-3)
