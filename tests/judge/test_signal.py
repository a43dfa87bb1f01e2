"""N501, A301, A304, A302 and A303 on evidence made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from judge.synthetic import block, chain, codes, evidence, found, judged
from plusone.judge.thresholds import PARALLEL, SIGNAL_DECADES
from plusone.records import BlockReport, Value


def sized(steps: list[float]) -> list[BlockReport]:
    """Plain blocks by each of which the signal changes by some decades."""
    sizes = [10.0 ** sum(steps[: k + 1]) for k in range(len(steps))]
    return chain(len(steps), kind="plain", signal_rms=sizes)


def test_a_signal_at_the_threshold_is_no_finding() -> None:
    assert found(evidence(sized([0.4] * 11), signal=SIGNAL_DECADES)) == []


def test_a_signal_beyond_the_threshold_grows() -> None:
    (finding,) = found(evidence(sized([0.45] * 10), signal=4.05))
    assert (finding.code, finding.where, finding.severity) == ("A301", "blocks.0", "warning")


def test_growth_starts_where_the_steps_become_large() -> None:
    (finding,) = found(evidence(sized([0.0] * 10 + [0.5] * 10), signal=5.0))
    assert finding.where == "blocks.10"
    assert "it grows from blocks.10 to blocks.19" in finding.reason


def test_a_signal_that_shrinks_fades() -> None:
    (finding,) = found(evidence(sized([0.0] * 4 + [-5.0] + [0.0] * 4), signal=-5.0))
    assert (finding.code, finding.where) == ("A304", "blocks.4")
    assert finding.reason == (
        "the signal after the last block is 1e+05 times smaller than after the first; it fades in "
        "blocks.4"
    )


def test_a_signal_that_ends_at_zero_fades_where_it_becomes_zero() -> None:
    blocks = chain(4, kind="plain", signal_rms=[1.0, 1.0, 0.0, 0.0])
    (finding,) = found(evidence(blocks, signal=-math.inf))
    assert (finding.code, finding.where) == ("A304", "blocks.2")
    assert finding.reason == "the signal is exactly zero from blocks.2 on"


def test_a_zero_gate_beside_a_growing_stream_is_no_silence() -> None:
    blocks = sized([0.5] * 10)
    blocks[4] = block("gate", kind="plain", signal_rms=0.0)
    assert codes(found(evidence(blocks, signal=4.5))) == ["A301"]


@pytest.mark.parametrize(("field", "code"), [("similarity", "A303"), ("token_similarity", "A302")])
def test_what_has_become_parallel_is_found_where_it_stays_so(field: str, code: str) -> None:
    apart = [0.5, 1e-2, 1e-5, 1e-3, 1e-5, 1e-6]
    blocks = chain(6, kind="plain", **{field: [1.0 - d for d in apart]})
    (finding,) = found(evidence(blocks))
    assert (finding.code, finding.where) == (code, "blocks.4")


@pytest.mark.parametrize("has_nodes", [True, False])
def test_nodes_that_become_alike_take_the_advice_of_plain_skips_back(has_nodes: bool) -> None:
    blocks = chain(
        24,
        kind="plain",
        token_similarity=[0.1, *[1.0 - 1e-9] * 23],
        gradient_norm=[10.0 ** (k - 23) for k in range(24)],
    )
    findings, verdict = judged(evidence(blocks, gradient=-23.0, signal=0.0, has_nodes=has_nodes))
    assert verdict is not None
    assert verdict.label == ("over-smoothing" if has_nodes else "vanishing")
    told = {f.code: f for f in findings}
    assert set(told) >= {"G201", "A302"}
    assert ("initial residual" in told["G201"].remedy) is has_nodes
    assert ("two nodes have" in told["A302"].reason) is has_nodes


def test_a_cut_in_the_graph_comes_before_nodes_that_are_alike() -> None:
    blocks = chain(24, kind="plain", token_similarity=[0.1, *[1.0 - 1e-9] * 23])
    made = evidence(blocks, gradient=-math.inf, signal=0.0, has_nodes=True)
    findings, verdict = judged(replace(made, cut_blocks=("blocks.0",), cut_before="blocks.1"))
    assert verdict is not None
    assert verdict.label == "vanishing"
    told = next(f for f in findings if f.code == "G201")
    assert "Take the detach or no_grad out" in told.remedy


def test_what_is_nearly_parallel_is_no_finding() -> None:
    blocks = chain(3, kind="plain", similarity=[0.1, 0.9, 1.0 - 1.1 * PARALLEL])
    assert found(evidence(blocks)) == []


def test_what_was_parallel_at_the_start_is_not_the_nets_doing() -> None:
    blocks = chain(3, kind="plain", similarity=[1.0 - 1e-4, 1.0 - 1e-5, 1.0 - 1e-5])
    assert found(evidence(blocks)) == []


def test_a_single_sample_has_no_similarity_to_judge() -> None:
    blocks = [block(f"blocks.{k}", similarity=Value()) for k in range(5)]
    assert found(evidence(blocks)) == []


def test_a_signal_that_is_not_finite_says_what_it_is() -> None:
    blocks = [block("blocks.0"), block("blocks.1", signal_rms=math.inf)]
    made = evidence(blocks, first_non_finite="blocks.1", non_finite_in="signal")
    (finding,) = found(made)
    assert (finding.code, finding.where, finding.value.state) == ("N501", "blocks.1", "inf")
    assert finding.reason == "the signal is inf behind blocks.1; up to there it is finite"


def test_a_gradient_that_is_not_finite_names_where_it_broke() -> None:
    made = evidence([block("a")], first_non_finite="a", non_finite_in="gradient")
    (finding,) = found(made)
    assert finding.value.state == "nan"
    assert "the signal is finite, but the gradient is not once it has passed a" in finding.reason


def test_a_parameters_gradient_that_is_not_finite_is_named() -> None:
    made = evidence([block("a")], first_non_finite="a", non_finite_in="gradient of a.scale")
    (finding,) = found(made)
    assert "the gradient of a.scale is not" in finding.reason


def test_sizes_say_nothing_beside_something_that_is_not_finite() -> None:
    blocks = sized([1.0] * 8)
    made = evidence(blocks, signal=8.0, first_non_finite="blocks.2", non_finite_in="signal")
    assert codes(found(made)) == ["N501"]


def test_a_signal_that_underflows_fades_from_where_the_slope_begins() -> None:
    sizes = [10.0 ** (-2.0 * k) for k in range(20)] + [0.0] * 6
    blocks = chain(26, kind="plain", signal_rms=sizes)
    (finding,) = found(evidence(blocks, signal=-math.inf))
    assert (finding.code, finding.where) == ("A304", "blocks.0")
    assert finding.reason == (
        "the signal after the last block is zero by underflow, not as after the first; it fades "
        "from blocks.0 to blocks.19"
    )


def test_a_gradient_that_is_not_finite_from_the_loss_on_says_so() -> None:
    made = evidence(
        [block("a")], first_non_finite="head", non_finite_in="gradient behind the last block"
    )
    (finding,) = found(made)
    assert finding.where == "head"
    assert finding.reason.endswith("head behind it or the loss makes it so")
