"""The two networks that `make demo` scans differ in their skips and in nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import plusone
from plusone.target import resolve

DIGITS = Path(__file__).parents[1] / "examples" / "digits.py"
pytest.importorskip("sklearn", reason="the digits come with the extra 'demo'")


def test_the_twins_have_the_same_parameters_and_the_same_batch() -> None:
    plain, residual = (resolve(f"{DIGITS}:{n}") for n in ("plain", "residual"))
    ours, theirs = plain.model.state_dict(), residual.model.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    for a, b in zip(plain.args, residual.args, strict=True):
        assert isinstance(a, torch.Tensor)
        assert isinstance(b, torch.Tensor)
        assert torch.equal(a, b)


def test_only_the_residual_twin_is_trainable() -> None:
    labels = []
    for name in ("plain", "residual"):
        subject = resolve(f"{DIGITS}:{name}")
        report = plusone.scan(
            subject.model, subject.args, subject.targets, subject.loss_fn, quick=True
        )
        assert report.verdict is not None
        assert report.structure.num_blocks == 50
        labels.append(report.verdict.label)
    assert labels == ["vanishing", "trainable"]
