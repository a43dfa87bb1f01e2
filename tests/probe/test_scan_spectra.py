"""Jacobian spectra in a report against dense Jacobians, for blocks of every kind."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import plusone
from plusone.records import ReportData, Spectrum, Value
from probe.nets import NETS, Ladder

from oracle.dense_jacobian import dense_jacobian, singular_values, stable_rank
from oracle.profile_hands import ProfileByHand, profile_by_hand, with_fixed_statistics

DTYPES = [torch.float64, torch.float32]
EXACT = {torch.float64: 1e-9, torch.float32: 1e-4}
# Up to this many inputs or outputs a Jacobian is formed whole: SpectrumConfig.dense_limit and, from
# end to end, DensityConfig.exact_limit.
SMALL, SMALL_WHOLE = 32, 16
# Beyond, a mean over samples must lie within this many stated standard errors.
ERRORS = 3.0


def scanned(name: str, dtype: torch.dtype) -> tuple[ReportData, Ladder, ProfileByHand]:
    """The report on all four samples, the net with its statistics fixed, and its borders."""
    net = NETS[name]
    ladder, x = net.build(dtype), net.input(dtype=dtype)
    report = plusone.scan(ladder, x, timed=False, samples=4)
    exact = copy.deepcopy(ladder).double()
    fixed = with_fixed_statistics(exact, x.double())
    borders = profile_by_hand(list(exact.rungs), x.double(), torch.ones_like)
    return report, fixed, borders  # type: ignore[return-value]


def check(found: Value, exact: float, *, close: float, limit: float) -> None:
    """Exact where `limit` is 0, else within the stated error, which is `limit` at most."""
    if not limit:
        assert float(found) == pytest.approx(exact, rel=close, abs=close)
    else:
        assert found.stderr is not None
        assert abs(float(found) - exact) <= ERRORS * found.stderr + close * abs(exact)
        assert found.stderr <= limit


def check_spectrum(found: Spectrum, J_BMN: Tensor, close: float) -> None:
    is_exact = min(J_BMN.shape[1:]) <= SMALL
    tops = singular_values(J_BMN)[:, 0]
    norms = torch.linalg.matrix_norm(J_BMN) / math.sqrt(J_BMN.shape[2])
    for value, exact, limit in (
        (found.spectral_norm, tops, 0.25),
        (found.frobenius_rms, norms, 0.4),
        (found.stable_rank, stable_rank(J_BMN), 0.8),
    ):
        mean = float(exact.mean())
        check(value, mean, close=close, limit=0.0 if is_exact else limit * mean)
        if is_exact:
            spread = float(exact.std()) / math.sqrt(len(exact))
            assert value.stderr == pytest.approx(spread, rel=1e-2, abs=10 * close)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NETS)
def test_the_spectra_of_branch_and_block_are_those_of_dense_jacobians(
    name: str, dtype: torch.dtype
) -> None:
    report, ladder, borders = scanned(name, dtype)
    blocks = [b for b in report.blocks if b.kind == "residual"]
    for block, rung, x in zip(blocks, ladder.rungs, borders.entries, strict=True):
        check_spectrum(block.branch_jacobian, dense_jacobian(rung.branch, x), EXACT[dtype])
        check_spectrum(block.jacobian, dense_jacobian(rung.join, x), EXACT[dtype])
    assert "per sample, on 4 samples" in report.provenance.spectra


def from_first_to_last(ladder: Ladder) -> Callable[[Tensor], Tensor]:
    def run(x: Tensor) -> Tensor:
        *rungs, last = ladder.rungs
        for rung in rungs:
            x = rung.after(rung.join(x).clone())
        return last.join(x)

    return run


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NETS)
def test_the_end_to_end_values_are_those_of_the_dense_jacobian(
    name: str, dtype: torch.dtype
) -> None:
    report, ladder, borders = scanned(name, dtype)
    J = dense_jacobian(from_first_to_last(ladder), borders.entries[0])
    values = singular_values(J)
    is_exact = min(J.shape[1:]) <= SMALL_WHOLE
    found = report.end_to_end.singular_values
    top = float(values[:, 0].mean())
    limit = 0.0 if is_exact else 0.25 * top
    check(found.max, top, close=EXACT[dtype], limit=limit)
    middle = float(np.median(values.numpy(), axis=1).mean())
    if found.median.is_measured or is_exact:
        check(found.median, middle, close=EXACT[dtype], limit=limit)
    else:  # it may be as small as zero
        assert middle <= 0.25 * top
        assert any("median" in gap.what for gap in report.not_measured)
    if is_exact:
        check(found.min, float(values[:, -1].mean()), close=EXACT[dtype], limit=0.0)
        assert report.end_to_end.method.startswith("exact")
    else:
        assert not found.min.is_measured
        assert any("smallest" in gap.what for gap in report.not_measured)


@pytest.mark.parametrize("name", ["tanh", "attention", "conv and batch norm", "u-net level"])
def test_duplicating_the_batch_changes_no_spectrum_of_the_first_samples(name: str) -> None:
    net = NETS[name]
    ladder, x = net.build().eval(), net.input()
    one, two = (plusone.scan(ladder, z, timed=False, samples=4) for z in (x, torch.cat([x, x])))
    for a, b in zip(one.blocks, two.blocks, strict=True):
        for part in ("jacobian", "branch_jacobian"):
            before, after = (getattr(block, part) for block in (a, b))
            for field in ("spectral_norm", "frobenius_rms", "stable_rank"):
                found = float(getattr(after, field))
                assert found == pytest.approx(float(getattr(before, field)), nan_ok=True)


@pytest.mark.parametrize("name", ["gelu", "attention", "conv and batch norm"])
def test_a_branch_of_zero_leaves_the_identity(name: str) -> None:
    net = NETS[name]
    ladder = net.build().eval()
    for rung in ladder.rungs:
        last = [m for m in rung.modules() if hasattr(m, "weight")][-1]
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.zeros_(last.bias)
    report = plusone.scan(ladder, net.input(), timed=False)
    for block in report.blocks:
        assert float(block.branch_jacobian.spectral_norm) == 0.0
        assert float(block.branch_jacobian.frobenius_rms) == 0.0
        assert block.branch_jacobian.stable_rank.state == "nan"
        assert float(block.jacobian.spectral_norm) == pytest.approx(1.0)
        width = math.prod(net.shape)
        assert float(block.jacobian.stable_rank) == pytest.approx(width)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_weight_that_is_not_finite_makes_the_spectra_nan(value: float) -> None:
    ladder, x = NETS["tanh"].build(), NETS["tanh"].input()
    with torch.no_grad():
        ladder.rungs[1].f[2].weight[0, 0] = value
    report = plusone.scan(ladder, x, timed=False)
    assert float(report.blocks[0].signal_rms) == pytest.approx(float(report.blocks[0].signal_rms))
    assert report.blocks[1].signal_rms.state in ("nan", "inf")
    assert report.blocks[1].jacobian.spectral_norm.state == "nan"
    assert report.end_to_end.singular_values.max.state == "nan"
