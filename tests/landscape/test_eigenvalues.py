"""Eigenvalues and their errors against dense decompositions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from benchmarks.landscape_coverage import dense_eigenvalues, drawn

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
from plusone.landscape.christoffel import part_of_most_starts


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def assert_within_error(found: tuple[Eigenvalue, ...], exact: list[float]) -> None:
    assert len(found) == len(exact)
    for eigenvalue, value in zip(found, exact, strict=True):
        assert abs(eigenvalue.value - value) <= eigenvalue.error + 1e-12


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
    assert misses <= 1  # of 60
    assert np.mean(num_products) < 60


def test_an_end_that_the_start_has_little_of_is_not_missed() -> None:
    """Drawn MLPs, in 8 of which a run that trusts small residuals settles on another eigenvalue."""
    for seed in (1, 12, 13, 15, 17, 26, 29, 32, 41, 43):
        net = drawn(seed)
        exact = dense_eigenvalues(net)
        with terrain(net.model, net.x, net.y, net.loss_fn) as here, here.hessian() as H:
            found = top_eigenvalues(H, config=EigenConfig(tol=1e-2))
        assert found.converged
        rounding = 1e-12 * float(exact.abs().max())
        for (eigenvalue,), value in ((found.smallest, exact[0]), (found.largest, exact[-1])):
            assert abs(eigenvalue.value - float(value)) <= eigenvalue.error + rounding


@pytest.mark.parametrize("share", [1.0, 0.1, 0.01])
def test_an_end_is_known_from_starts_with_next_to_nothing_of_it(share: float) -> None:
    """The extreme eigenvectors are less of each start than of 99 in 100, and less than that."""
    operator = with_spectrum(torch.linspace(-1, 1, 200, dtype=torch.float64) ** 3 * 5)
    values, vectors = torch.linalg.eigh(operator.matrix)
    part = share * part_of_most_starts(200, 1.0, miss=0.0101)
    for seed in range(10):
        start = torch.randn(200, generator=seeded(seed), dtype=torch.float64)
        start -= vectors[:, [0, -1]] @ (vectors[:, [0, -1]].T @ start)
        start /= start.norm()
        start += part * vectors[:, [0, -1]].sum(1)
        found = top_eigenvalues(operator, recurrence=Lanczos(operator, start=start))
        assert found.converged
        assert found.smallest[0].value - found.smallest[0].error <= float(values[0])
        assert found.largest[0].value + found.largest[0].error >= float(values[-1])


def test_the_largest_alone_is_within_its_error_in_most_runs_and_cheaper() -> None:
    misses = 0
    for seed in range(40):
        operator = like_a_hessian(200, seed)
        config = EigenConfig(ends="largest", tol=1e-2)
        found = top_eigenvalues(operator, config=config, generator=seeded(seed))
        exact = float(torch.linalg.eigvalsh(operator.matrix)[-1])
        misses += abs(found.largest[0].value - exact) > found.largest[0].error
    assert misses <= 3


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
