"""S101 and S102 on evidence made by hand."""

from __future__ import annotations

import pytest

from judge.synthetic import block, codes, evidence, found
from plusone.judge.thresholds import PLAIN_LAYERS


def plain_stack(count: int) -> list[object]:
    return [block(f"layers.{k}", kind="plain") for k in range(count)]


def test_a_plain_stack_at_the_threshold_is_no_finding() -> None:
    assert found(evidence(plain_stack(PLAIN_LAYERS)), shortest=PLAIN_LAYERS) == []


def test_a_deeper_plain_stack_is_found_at_its_first_layer() -> None:
    count = PLAIN_LAYERS + 1
    (finding,) = found(evidence(plain_stack(count)), shortest=count)
    assert (finding.code, finding.where, finding.severity) == ("S101", "layers.0", "warning")
    assert finding.value.value == count
    assert finding.reason == (
        "the 21 blocks from layers.0 to layers.20 have no skip; the shortest path from input to "
        "output passes 21 blocks"
    )


def test_a_long_skip_around_the_stack_takes_it_away() -> None:
    assert found(evidence(plain_stack(40)), shortest=3) == []


def test_skips_in_between_break_the_stack() -> None:
    blocks = [block(f"l.{k}", kind="residual" if k % 10 == 9 else "plain") for k in range(40)]
    assert "S101" not in codes(found(evidence(blocks), shortest=36))


def test_steps_of_a_loop_are_no_layers() -> None:
    blocks = [block("cell" if not k else f"cell#{k + 1}", kind="plain") for k in range(50)]
    assert found(evidence(blocks), shortest=50) == []


@pytest.mark.parametrize(
    ("ratio", "words"), [(0.0, "adds nothing to its skip"), (0.5, "what it adds cannot change")]
)
def test_a_dead_branch_says_whether_it_still_gives_something(ratio: float, words: str) -> None:
    blocks = [block("a"), block("b", residual_ratio=ratio)]
    (finding,) = found(evidence(blocks, dead_blocks=("b",)))
    assert (finding.code, finding.where, finding.severity) == ("S102", "b", "error")
    assert finding.reason == f"no weight in the branch of b gets any gradient, and {_it(words)}"


def _it(words: str) -> str:
    return words if words.startswith("what") else f"it {words}"
