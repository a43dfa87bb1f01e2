"""What a model will not learn, in one sentence."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from plusone.target.frozen import frozen_note


def net() -> nn.Sequential:
    """Four linear layers of six parameters each."""
    return nn.Sequential(nn.Sequential(*(nn.Linear(2, 2) for _ in range(3))), nn.Linear(2, 2))


def test_a_model_that_learns_as_a_whole_has_no_note() -> None:
    assert frozen_note(net()) == ""
    assert frozen_note(nn.ReLU()) == ""


def test_a_frozen_model_cannot_train() -> None:
    note = frozen_note(net().requires_grad_(False))
    assert note.startswith("all 24 parameters are frozen (requires_grad is False)")
    assert "the model cannot train" in note


def test_a_frozen_trunk_names_the_head_that_learns() -> None:
    model = net().requires_grad_(False)
    model[1].requires_grad_(True)
    assert frozen_note(model) == (
        "18 of 24 parameters are frozen (requires_grad is False) and will not learn; what learns: 1"
    )


@pytest.mark.parametrize("make", [lambda model: model, torch.jit.script])
def test_a_frozen_part_of_a_model_that_learns_is_named(make: object) -> None:
    model = make(net())  # type: ignore[operator]
    for parameter in getattr(model, "0").parameters():
        parameter.requires_grad_(False)
    next(model.parameters()).requires_grad_(True)
    assert frozen_note(model).endswith("what learns: 0.0.weight, 1")
    next(model.parameters()).requires_grad_(False)
    getattr(model, "1").bias.requires_grad_(False)
    assert frozen_note(model).endswith("what learns: 1.weight")


def test_of_many_places_the_first_three_are_named() -> None:
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(9)))
    for layer in model[::2]:
        layer.bias.requires_grad_(False)
    assert frozen_note(model).endswith("what is frozen: 0.bias, 2.bias, 4.bias and 2 more")


def test_whole_numbers_never_learn_and_are_no_frozen_parameters() -> None:
    model = nn.Linear(2, 2)
    model.codes = nn.Parameter(torch.zeros(4, dtype=torch.int8), requires_grad=False)
    assert frozen_note(model) == ""
