"""The losses that --loss names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from plusone.errors import InputError
from plusone.target import TargetOptions, resolve
from plusone.target.losses import named_loss


@pytest.mark.parametrize("shape", [(4, 10), (4, 7, 10), (4, 10, 5, 5)])
def test_cross_entropy_of_uniform_logits_is_the_log_of_the_classes(shape: tuple[int, ...]) -> None:
    loss = named_loss("cross-entropy", seed=0)(torch.zeros(shape))
    assert loss.item() == pytest.approx(torch.log(torch.tensor(10.0)).item(), rel=1e-6)


@pytest.mark.parametrize("name", ["cross-entropy", "mse"])
def test_random_targets_are_the_same_at_every_call(name: str) -> None:
    loss = named_loss(name, seed=3)  # type: ignore[arg-type]
    output = torch.randn(4, 10)
    assert loss(output).item() == loss(output).item()


def test_given_targets_are_used() -> None:
    output, classes = torch.randn(4, 10), torch.arange(4)
    loss = named_loss("cross-entropy", seed=0)(output, classes)
    assert torch.equal(loss, F.cross_entropy(output, classes))


def test_the_logits_are_found_in_a_dict() -> None:
    output = {"hidden": torch.randn(4, 99), "logits": torch.zeros(4, 2)}
    loss = named_loss("cross-entropy", seed=0)(output)
    assert loss.item() == pytest.approx(0.6931, abs=1e-4)


def test_an_output_of_whole_numbers_has_no_loss() -> None:
    with pytest.raises(InputError, match="holds no tensor of real numbers"):
        named_loss("mse", seed=0)(torch.arange(4))


def test_cross_entropy_of_a_scalar_for_each_sample_is_refused() -> None:
    with pytest.raises(InputError, match=r"has the shape \(4,\): use --loss mse"):
        named_loss("cross-entropy", seed=0)(torch.randn(4))


CODE = """
    from torch import nn, randn, zeros
    def build():
        return nn.Linear(3, 2), randn(4, 3), zeros(4, 2), nn.functional.mse_loss
"""


def test_loss_none_drops_the_loss_of_the_target(write: Callable[..., str]) -> None:
    subject = resolve(f"{write(CODE)}:build", TargetOptions(loss="none"))
    assert (subject.loss_fn, subject.targets) == (None, None)


def test_a_named_loss_keeps_the_targets_of_the_target(write: Callable[..., str]) -> None:
    subject = resolve(f"{write(CODE)}:build", TargetOptions(loss="mse"))
    assert isinstance(subject.targets, torch.Tensor)


def test_other_inputs_leave_out_targets_that_belong_to_the_first(
    write: Callable[..., str],
) -> None:
    subject = resolve(f"{write(CODE)}:build", TargetOptions(inputs=("9,3",)))
    assert (subject.loss_fn, subject.targets) == (None, None)
    assert "targets and loss were left out" in subject.notes[0]


def test_inputs_come_from_one_place(write: Callable[..., str], tmp_path: Path) -> None:
    options = TargetOptions(inputs=("9,3",), inputs_file=str(tmp_path / "x.pt"))
    with pytest.raises(InputError, match="--input and --inputs both give the inputs"):
        resolve(f"{write(CODE)}:build", options)
