"""The profile in a report against the same numbers worked out by hand, for blocks of every kind."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import chain, repeat

import pytest
import torch
from torch import Tensor

import plusone
from plusone.records import ReportData, Value
from probe.nets import NETS, Ladder

from oracle.profile_hands import BlockByHand, ProfileByHand, profile_by_hand

CLOSE = {torch.float64: 1e-9, torch.float32: 2e-4}
FIELDS = tuple(BlockByHand.__dataclass_fields__)


def fixed_cotangent(y: Tensor) -> Tensor:
    """The same cotangent for outputs of the same shape, whatever the dtype."""
    generator = torch.Generator().manual_seed(11)
    return torch.randn(y.shape, generator=generator, dtype=torch.float64).to(y.dtype)


def fixed_loss(y: Tensor) -> Tensor:
    """The loss whose gradient is `fixed_cotangent`."""
    return (y * fixed_cotangent(y)).sum()


def by_hand(ladder: Ladder, x: Tensor, cotangent: object = fixed_cotangent) -> ProfileByHand:
    exact = copy.deepcopy(ladder).double()
    return profile_by_hand(list(exact.rungs), x.double(), cotangent)  # type: ignore[arg-type]


def check(report: ReportData, exact: ProfileByHand, close: float) -> None:
    blocks = [b for b in report.blocks if b.kind == "residual"]
    assert len(blocks) == len(exact.blocks)
    for block, hand in zip(blocks, exact.blocks, strict=True):
        for field in FIELDS:
            expected, found = getattr(hand, field), getattr(block, field)
            if expected is None:
                assert found == Value()
            else:
                assert float(found) == pytest.approx(expected, rel=close, abs=close), field
    ends = report.end_to_end
    assert float(ends.log10_gradient_ratio) == pytest.approx(exact.log10_gradient_ratio, abs=close)
    if len(blocks) == len(report.blocks):
        assert float(ends.log10_signal_ratio) == pytest.approx(exact.log10_signal_ratio, abs=close)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", NETS)
def test_the_profile_is_the_one_worked_out_by_hand(name: str, dtype: torch.dtype) -> None:
    net = NETS[name]
    ladder, x = net.build(dtype), net.input(dtype=dtype)
    report = plusone.scan(ladder, x, loss_fn=fixed_loss, quick=True, timed=False)
    check(report, by_hand(ladder, x), CLOSE[dtype])
    kinds = [b.skip for b in report.blocks if b.kind == "residual"]
    assert kinds == [rung.kind for rung in ladder.rungs]


@pytest.mark.parametrize("name", ["conv and batch norm", "attention", "highway"])
def test_the_profile_in_evaluation_mode_is_that_of_the_net_in_it(name: str) -> None:
    net = NETS[name]
    ladder, x = net.build(), net.input()
    ladder(net.input())  # batch norms get statistics of their own
    report = plusone.scan(ladder, x, loss_fn=fixed_loss, quick=True, timed=False, mode="eval")
    check(report, by_hand(ladder.eval(), x), CLOSE[torch.float64])


@pytest.mark.parametrize("name", ["tanh", "attention", "u-net level"])
def test_without_a_loss_the_cotangent_is_standard_normal_noise(name: str) -> None:
    net = NETS[name]
    ladder, x = net.build(), net.input()
    report = plusone.scan(ladder, x, quick=True, timed=False, seed=4)
    generator = torch.Generator().manual_seed(4)

    def noise(y: Tensor) -> Tensor:
        return torch.randn(y.shape, generator=generator, dtype=torch.float64)

    check(report, by_hand(ladder, x, noise), CLOSE[torch.float64])


@pytest.mark.parametrize("name", ["tanh", "projection", "highway", "attention", "u-net level"])
def test_duplicating_the_batch_changes_no_mean(name: str) -> None:
    net = NETS[name]
    ladder, x = net.build(), net.input()
    one, two = (
        plusone.scan(ladder, z, loss_fn=lambda y: y.square().sum(), quick=True, timed=False)
        for z in (x, torch.cat([x, x]))
    )
    for a, b in zip(one.blocks, two.blocks, strict=True):
        for field in ("signal_rms", "gradient_rms", "gradient_norm", "residual_ratio", "rank"):
            before, after = getattr(a, field), getattr(b, field)
            assert before.is_measured == after.is_measured
            if before.is_measured:
                assert float(after) == pytest.approx(float(before)), field
        # The same samples twice: the standard error falls as if they were new ones.
        ratio = (b.signal_rms.stderr or 0.0) / (a.signal_rms.stderr or 1.0)
        assert ratio == pytest.approx((3 / 7) ** 0.5)
    ratios = [float(r.end_to_end.log10_gradient_ratio) for r in (one, two)]
    assert ratios[1] == pytest.approx(ratios[0])


@pytest.mark.parametrize("factor", [1e-3, 7.0])
def test_scaling_a_linear_net_moves_the_profile_by_its_law(factor: float) -> None:
    """For x = (1 + c) x in each of three blocks: signal and gradient grow by 1 + c a block."""

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(factor * torch.eye(6, dtype=torch.float64))

        def forward(self, x: Tensor) -> Tensor:
            return x + x @ self.weight.T

    x = torch.randn(4, 6, dtype=torch.float64)
    net = torch.nn.Sequential(Step(), Step(), Step())
    report = plusone.scan(net, x, quick=True, timed=False)
    start = float(x.square().mean().sqrt())
    for k, block in enumerate(report.blocks):
        assert float(block.signal_rms) == pytest.approx((1 + factor) ** (k + 1) * start)
        assert float(block.residual_ratio) == pytest.approx(factor)
        assert (block.residual_ratio.stderr or 0.0) <= 1e-12
    last = float(report.blocks[-1].gradient_norm)
    assert float(report.blocks[0].gradient_norm) == pytest.approx((1 + factor) ** 2 * last)
    expected = 3 * torch.log10(torch.tensor(1.0 + factor, dtype=torch.float64))
    assert float(report.end_to_end.log10_gradient_ratio) == pytest.approx(float(expected))


class HeadAtZero(torch.nn.Module):
    """Two residual blocks under a head of zeros; `repeats` says how often the stem runs."""

    def __init__(self, repeats: Iterator[int]) -> None:
        super().__init__()
        self.stem, self.head = torch.nn.Linear(6, 6), torch.nn.Linear(6, 3)
        self.blocks = torch.nn.ModuleList(torch.nn.Linear(6, 6) for _ in range(2))
        torch.nn.init.zeros_(self.head.weight)
        self._repeats = [repeats]

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(next(self._repeats[0])):
            x = self.stem(x)
        for block in self.blocks:
            x = x + block(x).tanh()
        return self.head(x)


def test_under_a_head_that_starts_at_zero_the_gradient_begins_at_the_last_block() -> None:
    report = plusone.scan(HeadAtZero(repeat(1)), torch.randn(8, 6), quick=True, timed=False)
    assert "the head passes none" in report.provenance.loss
    assert all(float(block.gradient_norm) > 0 for block in report.blocks)


def test_a_second_forward_that_ran_otherwise_is_not_read_as_the_first() -> None:
    net = HeadAtZero(chain([3], repeat(1)))
    report = plusone.scan(net, torch.randn(8, 6), quick=True, timed=False)
    assert "the head passes none" not in report.provenance.loss
    assert [float(block.gradient_norm) for block in report.blocks] == [0.0, 0.0]
