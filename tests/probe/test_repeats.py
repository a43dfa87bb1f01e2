"""Standard errors of the gradient's profile: they cover the truth, and know what repeats can do.

The truth is exact: a cotangent of unit variance has the mean square |J|_F^2 / inputs at a value
from which J leads to the output. Samples are draws: repeats take out the cotangents' noise alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import plusone
from plusone.records import ReportData, Value
from probe.nets import NETS, Ladder, Net

from oracle.dense_jacobian import dense_jacobian

SEEDS = 60


def draws(net: Net, batch: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *net.shape, generator=generator, dtype=torch.float64)


def mean_squares(ladder: Ladder, x: Tensor) -> Tensor:
    """At the first block's output, over all cotangents of unit variance, sample by sample."""
    first, *rungs = ladder.rungs
    y = first.join(x).detach()

    def onwards(y: Tensor) -> Tensor:
        h = first.after(y.clone())
        for rung in rungs:
            h = rung(h)
        return h

    J = dense_jacobian(onwards, y)
    return torch.linalg.matrix_norm(J) ** 2 / J.shape[2]


@pytest.mark.parametrize(
    ("repeats", "name"),
    [
        (1, "tanh"),
        (1, "u-net level"),
        (8, "highway"),
        (8, "conv"),
        pytest.param(1, "highway", marks=pytest.mark.long),
        pytest.param(1, "conv", marks=pytest.mark.long),
        pytest.param(8, "tanh", marks=pytest.mark.long),
        pytest.param(8, "u-net level", marks=pytest.mark.long),
    ],
)
def test_the_stated_error_of_the_gradient_covers_the_truth(name: str, repeats: int) -> None:
    ladder = NETS[name].build().eval()
    squares = mean_squares(ladder, draws(NETS[name], 200, seed=999))
    truth = math.sqrt(float(squares.mean()))
    found = []
    for seed in range(SEEDS):
        x = draws(NETS[name], 16, seed)
        report = plusone.scan(ladder, x, quick=True, timed=False, repeats=repeats, seed=seed)
        found.append(report.blocks[0].gradient_rms)
    misses = [abs(float(v) - truth) / (v.stderr or math.nan) for v in found]
    # Nominal 68 % and 95 % of 60, less three binomial standard errors.
    assert sum(m <= 1 for m in misses) >= 0.50 * SEEDS
    assert sum(m <= 2 for m in misses) >= 0.86 * SEEDS
    mean = sum(map(float, found)) / SEEDS
    scatter = math.sqrt(sum((float(v) - mean) ** 2 for v in found) / (SEEDS - 1))
    stated = math.sqrt(sum((v.stderr or 0.0) ** 2 for v in found) / SEEDS)
    assert stated == pytest.approx(scatter, rel=0.35)


@pytest.mark.parametrize("name", ["tanh", "conv"])
def test_many_repeats_leave_the_error_of_the_samples(name: str) -> None:
    ladder, x = NETS[name].build().eval(), draws(NETS[name], 8)
    many = plusone.scan(ladder, x, quick=True, timed=False, repeats=200).blocks[0].gradient_rms
    squares = mean_squares(ladder, x)
    expected = float(squares.std()) / math.sqrt(8) / (2 * math.sqrt(float(squares.mean())))
    assert many.stderr == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("name", ["tanh", pytest.param("conv", marks=pytest.mark.long)])
def test_of_one_sample_the_error_is_that_of_the_cotangents(name: str) -> None:
    ladder, x = NETS[name].build().eval(), NETS[name].input(batch=1)
    wanted: dict[str, Callable[[ReportData], Value]] = {
        "rms": lambda r: r.blocks[0].gradient_rms,
        "norm": lambda r: r.blocks[0].gradient_norm,
        "ratio": lambda r: r.end_to_end.log10_gradient_ratio,
    }
    few, many = (
        [
            plusone.scan(ladder, x, quick=True, timed=False, repeats=repeats, seed=seed)
            for seed in range(20)
        ]
        for repeats in (16, 256)
    )
    for field in wanted.values():
        ratio = math.fsum(field(r).stderr or 0.0 for r in few) / math.fsum(
            field(r).stderr or 0.0 for r in many
        )
        assert ratio == pytest.approx(4.0, rel=0.15)


def test_repeats_leave_the_signal_and_its_error_alone() -> None:
    ladder, x = NETS["tanh"].build(), NETS["tanh"].input()
    one, many = (
        plusone.scan(ladder, x, quick=True, timed=False, repeats=repeats) for repeats in (1, 9)
    )
    for a, b in zip(one.blocks, many.blocks, strict=True):
        assert a.signal_rms == b.signal_rms
        assert a.residual_ratio == b.residual_ratio


def test_the_error_of_the_signal_is_that_of_a_mean_over_samples() -> None:
    ladder, x = NETS["tanh"].build(), NETS["tanh"].input(batch=40)
    block = plusone.scan(ladder, x, quick=True, timed=False).blocks[0]
    with torch.no_grad():
        squares = ladder.rungs[0].join(x).square().mean(1)
    # d sqrt(m) = dm / (2 sqrt(m))
    expected = float(squares.std()) / math.sqrt(40) / (2 * float(block.signal_rms))
    assert block.signal_rms.stderr == pytest.approx(expected)


def test_one_sample_and_one_cotangent_have_no_error() -> None:
    ladder, x = NETS["tanh"].build(), NETS["tanh"].input(batch=1)
    block = plusone.scan(ladder, x, quick=True, timed=False).blocks[0]
    assert block.signal_rms.stderr is None
    assert block.gradient_rms.stderr is None
    repeated = plusone.scan(ladder, x, quick=True, timed=False, repeats=5).blocks[0]
    assert repeated.signal_rms.stderr is None
    assert repeated.gradient_rms.stderr is not None
