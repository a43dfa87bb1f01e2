"""Tensors are read once: when they are asked for, or at the last moment before they change."""

from __future__ import annotations

import pytest
import torch

from plusone.probe.readings import Readings


@pytest.fixture
def readings() -> Readings[str, float]:
    """Sums, by name."""
    return Readings(lambda t: float(t.sum()))


def test_nothing_is_read_that_nobody_asks_for() -> None:
    def read(tensor: torch.Tensor) -> float:
        raise AssertionError

    readings: Readings[str, float] = Readings(read)
    readings.note("a", torch.ones(3))
    assert "a" in readings
    assert list(readings) == ["a"]
    readings.forget()
    assert "a" not in readings


def test_a_tensor_is_read_before_it_changes_and_only_once(readings: Readings[str, float]) -> None:
    x = torch.ones(4)
    readings.note("whole", x)
    readings.note("part", x[1:])
    readings.note("other", torch.ones(2))
    readings.about_to_change(x[:1])  # the same memory
    x.zero_()
    readings.about_to_change(x)
    assert (readings["whole"], readings["part"], readings["other"]) == (4.0, 3.0, 2.0)


def test_what_was_read_stays_when_the_rest_is_forgotten(readings: Readings[str, float]) -> None:
    readings.note("read", torch.ones(2))
    readings.note("unread", torch.ones(3))
    assert readings["read"] == 2.0
    readings.forget()
    assert list(readings) == ["read"]
    assert readings.values() == [2.0]


def test_memory_that_cannot_be_watched_is_read_at_once(readings: Readings[str, float]) -> None:
    readings.note("sparse", torch.eye(3).to_sparse())
    readings.forget()
    assert readings["sparse"] == 3.0


def test_an_unknown_name_is_a_key_error(readings: Readings[str, float]) -> None:
    with pytest.raises(KeyError, match="nothing"):
        readings["nothing"]
