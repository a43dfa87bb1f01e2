"""Where a drift starts: the run of steps that it is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.synthetic import block
from plusone.judge.run import last_run, silent_since, troubled_run


def test_equal_steps_are_troubled_from_first_to_last() -> None:
    assert troubled_run([0.3] * 20) == (0, 19)


def test_one_step_among_none_is_the_run() -> None:
    assert troubled_run([0.0] * 7 + [4.0] + [0.0] * 12) == (7, 7)


def test_small_steps_beside_the_trouble_do_not_belong_to_it() -> None:
    assert troubled_run([0.05] * 10 + [0.4] * 10 + [0.05] * 10) == (10, 19)


def test_a_step_back_within_the_run_does_not_end_it() -> None:
    assert troubled_run([0.0, 0.4, 0.4, -0.1, 0.4, 0.4, 0.0]) == (1, 5)


def test_of_two_troubles_the_larger_is_found() -> None:
    assert troubled_run([1.0, 0.0, 0.0, 0.0, 0.0, 3.0, 3.0]) == (5, 6)


@given(
    before=st.integers(0, 30),
    inside=st.integers(1, 30),
    behind=st.integers(0, 30),
    size=st.floats(0.1, 10.0),
    share=st.floats(0.0, 0.3),
)
def test_a_run_of_larger_steps_is_found_wherever_it_lies(
    before: int, inside: int, behind: int, size: float, share: float
) -> None:
    small = size * share * inside / (before + inside + behind)
    steps = [small] * before + [size] * inside + [small] * behind
    assert troubled_run(steps) == (before, before + inside - 1)


@given(st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=40), st.floats(0.5, 100.0))
def test_the_unit_of_the_steps_does_not_matter(steps: list[float], unit: float) -> None:
    first, last = troubled_run(steps)
    scaled = troubled_run([step * 2.0 ** round(unit) for step in steps])
    assert 0 <= first <= last < len(steps)
    assert scaled == (first, last)


@pytest.mark.parametrize(
    ("flags", "name"),
    [([0, 1, 1], "b"), ([1, 0, 1], "c"), ([1, 1, 1], "a"), ([1, 1, 0], ""), ([], "")],
)
def test_the_last_run_reaches_the_end(flags: list[int], name: str) -> None:
    assert last_run(["a", "b", "c"][: len(flags)], [bool(flag) for flag in flags]) == name


def test_silence_starts_at_the_first_zero_that_lasts() -> None:
    sizes = [1.0, 0.0, 1.0, 0.0, 0.0]
    blocks = [block(f"{k}", kind="plain", signal_rms=size) for k, size in enumerate(sizes)]
    assert silent_since(blocks) == "3"


def test_silence_starts_one_layer_earlier_where_all_samples_are_shut_out_alike() -> None:
    shut = block("shut", kind="plain", signal_rms=1e3, similarity=1.0)
    silent = block("silent", kind="plain", signal_rms=0.0)
    assert silent_since([block("fine", kind="plain"), shut, silent]) == "shut"


def test_a_signal_that_returns_is_not_silent() -> None:
    blocks = [block("gate", kind="plain", signal_rms=0.0), block("stream")]
    assert silent_since(blocks) == ""
