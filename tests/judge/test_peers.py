"""J401: a branch stronger or weaker than those of its peers."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
import torch

from judge.synthetic import WIDTH, block, chain, codes, evidence, found
from plusone.judge.peers import _log_skip
from plusone.judge.thresholds import PEER_FACTOR
from plusone.records import BlockReport, Kind, Spectrum, Value


def family(ratios: list[float], *, stream: list[float] | None = None) -> list[BlockReport]:
    """Residual blocks of these ratios of branch to skip, on a skip of this size."""
    skips = stream or [1.0] * len(ratios)
    sizes = [skip * math.hypot(1.0, ratio) for skip, ratio in zip(skips, ratios, strict=True)]
    return chain(len(ratios), residual_ratio=ratios, signal_rms=sizes)


def places(blocks: list[BlockReport]) -> list[str]:
    findings = found(evidence(blocks))
    assert set(codes(findings)) <= {"J401"}
    return [finding.where for finding in findings]


@pytest.mark.parametrize("at", range(9))
def test_a_branch_twice_as_strong_is_found_at_any_position(at: int) -> None:
    ratios = [0.5] * 9
    ratios[at] = 1.0
    assert places(family(ratios)) == [f"blocks.{at}"]


def test_a_branch_of_half_the_strength_is_found() -> None:
    (finding,) = found(evidence(family([0.5, 0.5, 0.5, 0.25, 0.5, 0.5])))
    assert finding.where == "blocks.3"
    assert "2 times weaker" in finding.reason
    assert finding.value.value == pytest.approx(0.5)
    assert finding.threshold.value == pytest.approx(1 / PEER_FACTOR)


def test_a_branch_below_the_factor_is_no_finding() -> None:
    assert places(family([0.5, 0.5, 0.5, 0.5 * 0.99 * PEER_FACTOR, 0.5, 0.5])) == []


def test_the_reason_gives_the_numbers() -> None:
    (finding,) = found(evidence(family([0.5, 0.5, 1.5, 0.5, 0.5, 0.5])))
    assert finding.reason == (
        "the branch of blocks.2 is 3 times stronger than those of its nearest peers (rms of "
        "branch to skip 1.5 against 0.5), which differ by 0% among themselves"
    )


def test_a_family_of_four_says_nothing() -> None:
    assert places(family([0.5, 0.5, 5.0, 0.5])) == []


def test_peers_that_differ_as_much_make_no_accusation() -> None:
    assert places(family([0.5, 0.9, 0.4, 1.0, 0.55, 0.85, 0.45, 1.2])) == []


def test_a_ratio_that_falls_as_the_stream_grows_is_no_deviation() -> None:
    stream = [math.sqrt(1.0 + k) for k in range(12)]
    assert places(family([1.0 / size for size in stream], stream=stream)) == []


def test_a_normalised_branch_out_of_line_is_found_on_a_growing_stream() -> None:
    stream, size = [], 1.0
    branches = [1.0] * 3 + [2.5] + [1.0] * 8
    for branch in branches:
        stream.append(size)
        size = math.hypot(size, branch)
    ratios = [branch / skip for branch, skip in zip(branches, stream, strict=True)]
    assert places(family(ratios, stream=stream)) == ["blocks.3"]


def test_weights_scaled_by_depth_are_no_deviation_at_the_first_block() -> None:
    assert places(family([1e-3 / math.sqrt(k + 1.0) for k in range(12)])) == []


def test_blocks_beyond_a_missing_skip_are_no_peers() -> None:
    stream = [1.0] * 6 + [0.3] * 6
    blocks = family([0.5] * 6 + [0.5] * 6, stream=stream)
    plain = block("blocks.6", kind="plain")
    findings = found(evidence([*blocks[:6], plain, *blocks[7:]]))
    assert codes(findings) == ["S104"]


def of_widths(ratios: list[float], widths: list[int]) -> list[BlockReport]:
    """Residual blocks whose outputs have these widths."""
    pairs = zip(family(ratios), widths, strict=True)
    return [replace(b, shape=(8, width)) for b, width in pairs]


def test_blocks_of_two_widths_are_two_families() -> None:
    assert places(of_widths([0.5] * 6 + [0.05] * 6, [64] * 6 + [256] * 6)) == []


def test_few_blocks_of_each_width_are_peers_where_all_are_equal() -> None:
    widths = [64, 64, 128, 128, 256, 256]
    assert places(of_widths([0.5, 0.5, 0.5, 1.0, 0.5, 0.5], widths)) == ["blocks.3"]


def test_few_blocks_of_each_width_are_no_peers_where_width_makes_a_difference() -> None:
    widths = [8, 16, 24, 24, 32]
    assert places(of_widths([0.03, 0.5, 0.6, 0.6, 0.6], widths)) == []


def with_gains(blocks: list[BlockReport], gains: list[float]) -> list[BlockReport]:
    """The blocks with these gains of their branches' Jacobians."""
    pairs = zip(blocks, gains, strict=True)
    return [replace(b, branch_jacobian=Spectrum(frobenius_rms=Value.of(gain))) for b, gain in pairs]


RATIOS = [0.5, 0.62, 0.42, 0.58, 0.9, 0.45, 0.6, 0.48]


def test_a_deviation_that_the_jacobian_shares_is_found_where_the_signal_alone_is_too_noisy() -> (
    None
):
    gains = [0.55, 0.45, 0.6, 0.47, 1.05, 0.56, 0.44, 0.53]
    assert places(family(RATIOS)) == []
    (finding,) = found(evidence(with_gains(family(RATIOS), gains)))
    assert finding.where == "blocks.4"
    assert "mean of its rms to the skip's and its Jacobian's gain" in finding.reason


def test_a_block_is_judged_by_its_signal_where_jacobians_are_missing_in_its_family() -> None:
    blocks = with_gains(family([0.5, 0.5, 0.5, 1.2, 0.5, 0.5]), [0.5] * 6)
    blocks[0] = replace(blocks[0], branch_jacobian=Spectrum())
    (finding,) = found(evidence(blocks))
    assert finding.where == "blocks.3"
    assert "rms of branch to skip" in finding.reason


def test_a_branch_that_is_dead_is_no_peer_and_not_accused_twice() -> None:
    ratios = [0.5, 0.5, 0.0, 0.5, 0.5, 0.5]
    made = evidence(family(ratios), dead_blocks=("blocks.2",))
    assert codes(found(made)) == ["S102"]


def test_chance_accuses_few_healthy_families_and_hides_few_gains() -> None:
    draw = random.Random(0)
    accused = missed = 0
    for _ in range(300):
        ratios = [0.5 * math.exp(draw.gauss(0.0, 1.3 / math.sqrt(4 * WIDTH))) for _ in range(12)]
        accused += bool(places(family(ratios)))
        ratios[7] *= 2.0
        missed += "blocks.7" not in places(family(ratios))
    assert accused <= 3
    assert missed <= 30


@pytest.mark.parametrize(("skip", "added"), [("concat", 3), ("concat", 40), ("identity", 20)])
def test_the_size_of_the_skip_follows_from_that_of_the_output(skip: Kind, added: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = 2.0 * torch.randn(20_000, 20, generator=generator)
    f = 6.0 * torch.randn(20_000, added, generator=generator)
    y = torch.cat([x, f], 1) if skip == "concat" else x + f
    made = BlockReport(
        name="b",
        depth=1,
        skip=skip,
        residual_ratio=Value.of(float(f.square().mean().sqrt() / x.square().mean().sqrt())),
        signal_rms=Value.of(float(y.square().mean().sqrt())),
        shape=tuple(y.shape),
        input_shape=tuple(x.shape),
    )
    exact = math.log(float(x.square().mean().sqrt()))
    assert _log_skip(made) == pytest.approx(exact, abs=0.01)
