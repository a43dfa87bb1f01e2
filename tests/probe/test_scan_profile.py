"""The profile in a report against the same numbers worked out by hand, for blocks of every kind."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import chain, repeat

import pytest
import torch
from torch import Tensor, nn

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


class OneSampleShut(torch.nn.Module):
    """Residual blocks behind a gate that shuts some samples out."""

    def __init__(self, open_: list[int]) -> None:
        super().__init__()
        self.blocks = torch.nn.ModuleList(torch.nn.Linear(8, 8) for _ in range(3))
        self.open = torch.tensor(open_).float()[:, None]

    def forward(self, x: Tensor) -> Tensor:
        for k, block in enumerate(self.blocks):
            x = x + block(torch.relu(x))
            x = x * self.open if k == 0 else x
        return x


@pytest.mark.parametrize(
    ("open_", "vanishes"),
    [([1, 0], False), ([1, 1, 0, 0], False), ([1, 0, 0], True), ([1, 1, 0, 0, 0], True)],
)
def test_samples_that_are_shut_out_decide_where_they_are_most(
    open_: list[int], vanishes: bool
) -> None:
    net = OneSampleShut(open_)
    report = plusone.scan(net, torch.randn(len(open_), 8), quick=True, timed=False)
    ratio = float(report.end_to_end.log10_gradient_ratio)
    assert (ratio == -torch.inf) == vanishes
    assert report.verdict is not None
    assert (report.verdict.label == "vanishing") == vanishes


class UnitBranch(torch.nn.Module):
    """A residual block whose branch has the same size whatever that of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(8, 8)

    def branch(self, x: Tensor) -> Tensor:
        return self.layer(torch.nn.functional.normalize(x, dim=-1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


@pytest.mark.parametrize("size", [1.0, 1e-3, 0.0])
def test_a_small_sample_does_not_decide_the_ratio_of_branch_and_skip(size: float) -> None:
    net = torch.nn.Sequential(UnitBranch(), UnitBranch())
    x = torch.randn(6, 8)
    x[0] *= size
    found = plusone.scan(net, x, quick=True, timed=False).blocks[0].residual_ratio
    branch, skip = (t.detach().square().mean(1) for t in (net[0].branch(x), x))
    assert float(found) == pytest.approx(float((branch.mean() / skip.mean()).sqrt()), rel=1e-5)
    # By jackknife, which the linearised error agrees with up to the curvature of the ratio.
    left_out = [float((branch.sum() - branch[i]) / (skip.sum() - skip[i])) ** 0.5 for i in range(6)]
    mean = sum(left_out) / 6
    jackknife = (5 / 6 * sum((r - mean) ** 2 for r in left_out)) ** 0.5
    assert found.stderr == pytest.approx(jackknife, rel=0.5)


class Smooth(torch.nn.Module):
    """A graph network whose nodes become alike; those without neighbours become zero."""

    def __init__(self, neighbours: Tensor) -> None:
        super().__init__()
        self.mean = 0.95 * neighbours / neighbours.sum() ** 0.5 + 0.05 * torch.diag(
            neighbours.diagonal()
        )
        self.layers = torch.nn.ModuleList(torch.nn.Linear(32, 32, bias=False) for _ in range(10))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = 2 * torch.relu(self.mean @ layer(x))
        return x


def test_a_node_of_zeros_hides_no_smoothing() -> None:
    torch.manual_seed(0)
    neighbours = torch.ones(12, 12)
    isolated = neighbours.clone()
    isolated[-1] = isolated[:, -1] = 0
    x = torch.randn(3, 12, 32)
    for graph in (neighbours, isolated):
        report = plusone.scan(Smooth(graph), x, quick=True, timed=False)
        assert [f.code for f in report.findings if f.code.startswith("A3")] == ["A302"]
        assert float(report.blocks[-1].token_similarity) > 0.9999


def test_a_report_notes_what_is_frozen_and_judges_what_passes_through_it() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    x = torch.randn(16, 4)
    learning = plusone.scan(net, x, quick=True, timed=False)
    frozen = plusone.scan(net.requires_grad_(False), x, quick=True, timed=False)
    assert learning.notes == ()
    (note,) = frozen.notes
    assert "all 40 parameters are frozen" in note
    assert frozen.verdict == learning.verdict
