"""Slices and surfaces against direct evaluation of copies of the model."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from landscape.nets import CASES, Case, mlp, residual_conv
from plusone.errors import InputError
from plusone.landscape import (
    Direction,
    GridConfig,
    Interrupted,
    Terrain,
    line,
    random_direction,
    surface,
    terrain,
)
from plusone.landscape.evaluate import Evaluator, Point


def two_directions(here: Terrain, seed: int = 0) -> tuple[Direction, Direction]:
    generator = torch.Generator().manual_seed(seed)
    return random_direction(here, generator=generator), random_direction(here, generator=generator)


def direct(case: Case, steps: list[tuple[float, Direction]]) -> float:
    """The loss of a copy whose parameters were moved, in eval mode with batch statistics."""
    model = copy.deepcopy(case.model).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train()
    with torch.no_grad():
        for factor, direction in steps:
            for parameter, along in zip(model.parameters(), direction, strict=True):
                parameter += factor * along
        return float(case.loss_fn(model(case.x), case.y))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", CASES)
def test_each_point_is_the_loss_of_a_moved_copy(name: str, dtype: torch.dtype) -> None:
    case = CASES[name](dtype)
    with terrain(*case.batch) as here:
        first, second = two_directions(here)
        found = surface(here, (first, second), config=GridConfig(points=3, span=0.5))
    assert found.across == found.up == (-0.5, 0.0, 0.5)
    for b, row in zip(found.up, found.losses, strict=True):
        for a, loss in zip(found.across, row, strict=True):
            expected = direct(case, [(a, first), (b, second)])
            assert loss == pytest.approx(expected, rel=1e-12 if dtype is torch.float64 else 1e-5)


@pytest.mark.parametrize("name", CASES)
def test_a_batch_of_points_gives_the_same_losses(name: str) -> None:
    case = CASES[name]()
    with terrain(*case.batch) as here:
        directions = two_directions(here)
        apart = surface(here, directions, config=GridConfig(points=5, batched=False))
        together = surface(here, directions, config=GridConfig(points=5, batched=True))
    assert apart.method == "one by one"
    assert together.method == "batched"
    for row, other in zip(apart.losses, together.losses, strict=True):
        assert row == pytest.approx(other, rel=1e-10)


def test_a_model_that_vmap_does_not_take_is_evaluated_point_by_point() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            y = self.layer(x)
            return y.sum() if y.sum() > 0 else -y.sum()

    with terrain(Branching(), torch.randn(2, 3)) as here:
        found = surface(here, two_directions(here), config=GridConfig(points=3, batched=True))
    assert found.method == "one by one"
    assert all(math.isfinite(loss or 0.0) for row in found.losses for loss in row)


@pytest.mark.parametrize(("seconds", "method"), [(0.001, "batched"), (0.1, "one by one")])
def test_the_faster_way_is_taken_where_there_are_many_points(
    monkeypatch: pytest.MonkeyPatch, seconds: float, method: str
) -> None:
    def timed(
        compute: Callable[[Sequence[Point]], list[float]], points: Sequence[Point]
    ) -> tuple[list[float], float]:
        return compute(points), seconds if compute.__name__ == "many" else 0.01

    monkeypatch.setattr(Evaluator, "_timed", staticmethod(timed))
    with terrain(*mlp(torch.float32).batch) as here:
        found = surface(here, two_directions(here), config=GridConfig(points=31))
    assert found.method == method


def test_the_middle_is_the_model_itself() -> None:
    case = residual_conv()
    with terrain(*case.batch) as here:
        direction = two_directions(here)[0]
        found = line(here, direction, config=GridConfig(points=7, span=2.0))
        assert found.losses[3] == here.value()
    assert found.positions == (-2.0, -4 / 3, -2 / 3, 0.0, 2 / 3, 4 / 3, 2.0)
    assert found.losses[5] == pytest.approx(direct(case, [(4 / 3, direction)]), rel=1e-12)


def test_a_line_to_another_state_ends_there() -> None:
    case = mlp()
    with terrain(*case.batch) as here:
        direction = two_directions(here)[0]
        found = line(here, direction, config=GridConfig(points=3))
    assert found.losses[2] == pytest.approx(direct(case, [(1.0, direction)]), rel=1e-12)


def test_losses_that_are_not_finite_are_values() -> None:
    model = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(1.0)

    def loss(output: Tensor) -> Tensor:
        return (1 - output).log().sum() + 1 / output.sum()

    with terrain(model, torch.tensor([[0.25, 0.25]]), loss_fn=loss) as here:
        direction = (torch.ones(1, 2),)
        found = line(here, direction, config=GridConfig(points=3, span=1.0))
    assert found.losses[0] == math.inf
    assert math.isfinite(found.losses[1] or 0.0)
    assert found.losses[2] == -math.inf


def test_the_slices_of_a_surface_cross_in_the_model() -> None:
    with terrain(*mlp().batch) as here:
        found = surface(here, two_directions(here), config=GridConfig(points=5))
    across, up = found.slices
    assert across.losses == found.losses[2]
    assert up.losses == tuple(row[2] for row in found.losses)
    assert across.losses[2] == up.losses[2]


def test_an_interrupted_surface_keeps_the_rows_around_the_model() -> None:
    def watch(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with terrain(*mlp().batch) as here, pytest.raises(Interrupted) as caught:
        surface(here, two_directions(here), config=GridConfig(points=5), watch=watch)
    rows = caught.value.partial.losses
    assert None not in rows[2]
    assert None not in rows[1]
    assert rows[0] == rows[4] == (None,) * 5


def test_a_hessian_stays_valid_while_points_are_computed() -> None:
    with terrain(*residual_conv().batch) as here, here.hessian() as H:
        v = torch.randn(H.size, dtype=torch.float64)
        before = H @ v
        surface(here, two_directions(here), config=GridConfig(points=3))
        torch.testing.assert_close(H @ v, before, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"points": 50}, "points is 50; it must be odd"),
        ({"points": 1}, "points is 1; it must be odd and 3 or more"),
        ({"span": 0.0}, "span is 0.0; it must be above 0"),
        ({"span": math.inf}, "span is inf"),
    ],
)
def test_grids_that_mean_nothing_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        GridConfig(**wrong).positions()  # type: ignore[arg-type]
