"""Standard errors of the gradient's profile: they shrink with repeats, and cover the truth.

The truth is exact: a cotangent of unit variance has the mean square |J|_F^2 / inputs at a value
from which J leads to the output.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import plusone
from plusone.records import ReportData, Value
from probe.nets import NETS, Ladder

from oracle.dense_jacobian import dense_jacobian

SEEDS = 60


def scans(ladder: Ladder, x: Tensor, repeats: int, seeds: int = SEEDS) -> list[ReportData]:
    return [
        plusone.scan(ladder, x, quick=True, timed=False, repeats=repeats, seed=seed)
        for seed in range(seeds)
    ]


def true_gradient_rms(ladder: Ladder, x: Tensor) -> float:
    """At the first block's output, over all cotangents of unit variance."""
    first, *rungs = ladder.rungs
    y = first.join(x).detach()

    def onwards(y: Tensor) -> Tensor:
        h = first.after(y.clone())
        for rung in rungs:
            h = rung(h)
        return h

    J = dense_jacobian(onwards, y)
    return math.sqrt(float((torch.linalg.matrix_norm(J) ** 2).mean()) / J.shape[2])


def errors(found: list[Value], truth: float) -> list[float]:
    return [abs(float(v) - truth) / (v.stderr or math.nan) for v in found]


@pytest.mark.parametrize("name", ["tanh", "highway", "conv", "u-net level"])
def test_the_stated_error_of_the_gradient_covers_the_truth(name: str) -> None:
    ladder, x = NETS[name].build().eval(), NETS[name].input()
    truth = true_gradient_rms(ladder, x)
    found = [report.blocks[0].gradient_rms for report in scans(ladder, x, 8)]
    misses = errors(found, truth)
    # Nominal 68 % and 95 % of 60, less three binomial standard errors.
    assert sum(m <= 1 for m in misses) >= 0.50 * SEEDS
    assert sum(m <= 2 for m in misses) >= 0.86 * SEEDS
    mean = sum(map(float, found)) / SEEDS
    scatter = math.sqrt(sum((float(v) - mean) ** 2 for v in found) / (SEEDS - 1))
    assert abs(mean - truth) <= 4 * scatter / math.sqrt(SEEDS)
    # Differences between samples count as errors too, so the stated one may be larger.
    stated = sum(v.stderr or 0.0 for v in found) / SEEDS
    assert 0.75 * scatter <= stated <= 2.0 * scatter


@pytest.mark.parametrize("name", ["tanh", "conv"])
def test_standard_errors_shrink_like_one_over_the_root_of_the_repeats(name: str) -> None:
    ladder, x = NETS[name].build().eval(), NETS[name].input()
    wanted: dict[str, Callable[[ReportData], Value]] = {
        "rms": lambda r: r.blocks[0].gradient_rms,
        "norm": lambda r: r.blocks[0].gradient_norm,
        "ratio": lambda r: r.end_to_end.log10_gradient_ratio,
    }
    few, many = (scans(ladder, x, repeats, 20) for repeats in (4, 64))
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
