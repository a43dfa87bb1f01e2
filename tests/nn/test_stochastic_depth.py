"""Stochastic depth: mean and variance over draws, the schedule, the modes, beside the peers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from nn.nets import mlp
from plusone.errors import InputError
from plusone.nn import Residual, StochasticDepth, linear_schedule
from plusone.testing import assert_expectation_preserved


@pytest.mark.parametrize("probability", [0.1, 0.3, 0.7])
def test_mean_and_variance_over_rows_are_those_of_the_formula(probability: float) -> None:
    """E = f and Var = p/(1 - p) f^2, within 4 standard errors of 40,000 rows."""
    n = 40_000
    kept = StochasticDepth(probability)(torch.full((n, 1), 3.0, dtype=torch.float64))
    variance = probability / (1 - probability) * 9
    assert abs(float(kept.mean()) - 3) < 4 * math.sqrt(variance / n)
    fourth = float(((kept - 3) ** 4).mean())
    error = math.sqrt((fourth - variance**2) / n)
    assert abs(float(((kept - 3) ** 2).mean()) - variance) < 4 * error
    assert kept.unique().tolist() == pytest.approx([0, 3 / (1 - probability)])


@pytest.mark.parametrize("mode", ["row", "batch", "subset"])
@pytest.mark.parametrize("scale", [None, 0.5])
def test_a_block_in_training_is_on_average_its_evaluation(mode: str, scale: float | None) -> None:
    block = Residual(mlp(6, 2), scale=scale, drop=StochasticDepth(0.4, mode))
    assert_expectation_preserved(block, torch.randn(10, 6))


def test_row_mode_drops_rows_alone_and_batch_mode_all_at_once() -> None:
    x = torch.ones(500, 3, 2)
    rows = StochasticDepth(0.5)(x)
    assert (rows == rows[:, :1, :1]).all()
    assert 150 < int((rows[:, 0, 0] == 0).sum()) < 350
    drop = StochasticDepth(0.5, "batch")
    drawn = {tuple(drop(x).unique().tolist()) for _ in range(60)}
    assert drawn == {(0.0,), (2.0,)}


@pytest.mark.parametrize("num_rows", [1, 2, 7, 64])
@pytest.mark.parametrize("probability", [0.2, 0.5, 0.9])
def test_subset_mode_computes_the_branch_for_the_kept_rows_only(
    num_rows: int, probability: float
) -> None:
    seen = []

    class Branch(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(len(x))
            return x + 1

    block = Residual(Branch(), drop=StochasticDepth(probability, "subset"))
    x = torch.zeros(num_rows, 3, dtype=torch.float64)
    y = block(x)
    kept = max(round((1 - probability) * num_rows), 1)
    assert seen == [kept]
    assert int((y[:, 0] != 0).sum()) == kept
    assert float(y.sum()) == pytest.approx(num_rows * 3)
    assert torch.equal(block.eval()(x), x + x + 1)
    assert seen == [kept, num_rows]


def test_each_row_is_kept_equally_often_in_subset_mode() -> None:
    drop = StochasticDepth(0.75, "subset")
    counts = torch.zeros(8)
    for _ in range(2000):
        counts[drop.rows(torch.zeros(8, 1))] += 1
    assert counts.sum() == 4000
    assert float((counts / 500 - 1).abs().max()) < 4 * math.sqrt(0.75 / 500)


def test_at_probability_0_and_in_evaluation_it_is_exact() -> None:
    x, branch = torch.randn(4, 6), mlp(6, 2)
    random = torch.get_rng_state()
    assert torch.equal(Residual(branch, drop=StochasticDepth(0.0))(x), x + branch(x))
    assert torch.equal(Residual(branch, drop=StochasticDepth(0.9)).eval()(x), x + branch(x))
    assert torch.equal(random, torch.get_rng_state())
    assert torch.equal(Residual(branch, drop=StochasticDepth(1.0))(x), x)


@pytest.mark.parametrize("num_blocks", [1, 2, 54, 110])
def test_the_linear_schedule_ends_at_the_last_and_has_the_papers_expected_depth(
    num_blocks: int,
) -> None:
    dropped = linear_schedule(num_blocks, 0.5)
    assert dropped[-1] == 0.5
    assert dropped[0] == pytest.approx(0.5 / num_blocks)
    expected = sum(1 - p for p in dropped)
    assert expected == pytest.approx((3 * num_blocks - 1) / 4)
    assert num_blocks != 54 or expected == pytest.approx(40.25)


def test_so_many_blocks_of_a_net_survive_as_the_schedule_says() -> None:
    """The 54 blocks of the paper's ResNet-110: 40.25 of them on average."""

    class One(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.ones_like(x)

    dropped = linear_schedule(54, 0.5)
    blocks = [Residual(One(), drop=StochasticDepth(p)) for p in dropped]
    n = 4000
    x = torch.zeros(n, 1, dtype=torch.float64)
    survivors = sum((block(x) != x).double() for block in blocks)
    error = math.sqrt(sum(p * (1 - p) for p in dropped) / n)
    assert abs(float(survivors.mean()) - 40.25) < 4 * error
    assert float(survivors.var()) == pytest.approx(sum(p * (1 - p) for p in dropped), rel=0.12)


@pytest.mark.parametrize("shape", [(32, 3), (32, 5, 3), (32, 3, 4, 4)])
@pytest.mark.parametrize("probability", [0.2, 0.5, 1.0])
def test_timm_and_torchvision_drop_the_same_rows_at_the_same_random_state(
    shape: tuple[int, ...], probability: float
) -> None:
    layers = pytest.importorskip("timm.layers", reason="timm comes with the extra 'zoo'")
    ops = pytest.importorskip("torchvision.ops", reason="it comes with the extra 'zoo'")
    x = torch.randn(shape)
    pairs = [
        (StochasticDepth(probability), layers.DropPath(probability)),
        (StochasticDepth(probability), ops.StochasticDepth(probability, "row")),
        (StochasticDepth(probability, "batch"), ops.StochasticDepth(probability, "batch")),
    ]
    for ours, theirs in pairs:
        for seed in range(5):
            found = []
            for module in (ours, theirs):
                torch.manual_seed(seed)
                found.append(module(x))
            assert torch.equal(*found)


def test_timms_schedule_is_ours_without_its_first_block() -> None:
    """timm's runs from 0 over blocks 0 to L - 1, the paper's from last/L over blocks 1 to L."""
    layers = pytest.importorskip("timm.layers", reason="timm comes with the extra 'zoo'")
    if not hasattr(layers, "calculate_drop_path_rates"):
        theirs = torch.linspace(0, 0.3, 13).tolist()
    else:
        theirs = layers.calculate_drop_path_rates(0.3, 13)
    assert linear_schedule(12, 0.3) == pytest.approx(theirs[1:])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: StochasticDepth(-0.1), "probability of being dropped is -0.1; it must lie"),
        (lambda: StochasticDepth(0.1, "column"), "mode is 'column'; it must be one of row, batch"),
        (lambda: StochasticDepth(1.0, "subset"), "one row is kept at least: .* below 1"),
        (lambda: StochasticDepth(0.5, "subset")(torch.ones(2, 2)), "chooses the rows before the"),
        (lambda: linear_schedule(0, 0.5), "num_blocks is 0"),
        (lambda: linear_schedule(3, 1.5), "last block's probability .* is 1.5"),
        (
            lambda: Residual(mlp(4, 1), drop=StochasticDepth(0.5, "subset"))(torch.ones(2, 4), 1),
            "does not know which further arguments have rows",
        ),
    ],
)
def test_what_does_not_fit_is_refused(build: object, message: str) -> None:
    assert callable(build)
    with pytest.raises(InputError, match=message):
        build()
