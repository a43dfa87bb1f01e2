"""What a Lanczos run cannot have overlooked, against whole decompositions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from landscape.matrices import Matrix, like_a_hessian, with_spectrum
from plusone.landscape import Lanczos
from plusone.landscape.christoffel import part_of_most_starts, reach

ROUNDING = 1e-12


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(size: int, seed: int) -> Tensor:
    return torch.randn(size, generator=seeded(seed), dtype=torch.float64)


def start_with(x: Tensor, part: float, seed: int) -> Tensor:
    """A unit vector of which exactly `part` lies along the unit vector x."""
    rest = random(len(x), seed)
    rest -= torch.dot(rest, x) * x
    return part * x + math.sqrt(1 - part**2) * rest / rest.norm()


def ends_reached(run: Lanczos, part: float) -> tuple[float, float]:
    """The bounds of the spectrum below and above."""
    values = run.ritz().values
    down, up = (
        reach(run, float(value), outwards=way, part=part, shortest=ROUNDING)
        for value, way in ((values[0], -1), (values[-1], 1))
    )
    return float(values[0]) - down, float(values[-1]) + up


@pytest.mark.parametrize("part", [1e-1, 1e-3, 1e-6])
@pytest.mark.parametrize("end", [0, -1])
def test_an_eigenvector_that_is_part_of_the_start_is_within_reach(part: float, end: int) -> None:
    for seed in range(10):
        operator = like_a_hessian(60, seed)
        values, vectors = torch.linalg.eigh(operator.matrix)
        run = Lanczos(operator, start=start_with(vectors[:, end], part, seed))
        for _ in range(25):
            run.step()
            bounds = ends_reached(run, part * (1 - 1e-9))
            if end == 0:
                assert bounds[0] <= float(values[0])
            else:
                assert bounds[1] >= float(values[-1])


def test_what_the_start_lacks_is_out_of_reach_in_the_end() -> None:
    """The bound is of use: it closes in, and an eigenvector of no part at all is not seen."""
    operator = like_a_hessian(60)
    values, vectors = torch.linalg.eigh(operator.matrix)
    run = Lanczos(operator, start=start_with(vectors[:, -1], 0.0, 1))
    for _ in range(13):  # after some more, rounding would make a part of it
        run.step()
    assert ends_reached(run, 1e-3)[1] == pytest.approx(float(values[-2]), abs=1e-3)
    assert float(values[-2]) < float(values[-1]) - 1


def test_the_reach_is_where_the_sum_of_squares_over_all_vectors_says() -> None:
    """At an eigenvalue t the sum of p_j(t)^2 is |Q^T x|^2 / <q_1, x>^2, by products with x."""
    operator = like_a_hessian(60)
    values, vectors = torch.linalg.eigh(operator.matrix)
    run = Lanczos(operator, start=start_with(vectors[:, -1], 1e-6, 3))
    for _ in range(6):
        run.step()
    top = run.ritz().values[-1]
    parts = torch.stack(run.basis) @ vectors[:, -1]
    assert top < float(values[-1]) - 1e-3  # it was not found yet
    part = float(parts[0].abs() / parts.norm())
    found = reach(run, top, outwards=1, part=part, shortest=ROUNDING)
    assert found == pytest.approx(float(values[-1]) - top, rel=0.25)


def test_a_chain_that_ends_has_seen_everything() -> None:
    operator = with_spectrum(torch.tensor([3.0, 3.0, -1.0, 0.0], dtype=torch.float64))
    run = Lanczos(operator, start=random(4, 0))
    while not run.is_finished:
        run.step()
    assert reach(run, 3.0, outwards=1, part=1e-3, shortest=ROUNDING) == ROUNDING


def test_a_ritz_value_of_zero_after_one_step_has_a_reach() -> None:
    matrix = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    run = Lanczos(Matrix(matrix), start=torch.tensor([1.0, 0.0], dtype=torch.float64))
    run.step()
    assert ends_reached(run, 0.5)[1] >= 1.0


@pytest.mark.parametrize("size", [3, 10, 400])
@pytest.mark.parametrize("added", [0.0, 0.5])
def test_most_random_starts_have_that_part_of_a_direction(size: int, added: float) -> None:
    """Also where a fixed vector is added to them, whatever its own part of the direction."""
    x = torch.randn(20_000, size, generator=seeded(0), dtype=torch.float64)
    z = (x / x.norm(dim=1, keepdim=True))[:, 0]
    part = part_of_most_starts(size, 1.0, miss=0.1)
    missed = float(((z + added * part).abs() < part).double().mean())
    assert missed <= 0.107
    assert added or size == 3 or missed >= 0.08
