"""Edits applied to a copy of a model: all of them, or none."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable

import torch
from torch import nn

from plusone.errors import InputError
from plusone.fix.edits.edit import Edit, Lines, module_at


def ordered(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The edits in the order in which they are applied: values and flags first, then the modules,
    innermost first, so that each path still means what it meant; alike ones side by side."""
    edits = tuple(edits)
    families: dict[str, int] = {}
    for edit in edits:
        families.setdefault(family(edit.path), len(families))

    def place(edit: Edit) -> tuple[bool, int, int]:
        return edit.replaces, -edit.path.count("."), families[family(edit.path)]

    return tuple(sorted(edits, key=place))


def family(path: str) -> str:
    """The path without its numbers, which modules of one kind share."""
    return re.sub(r"\d+", "#", path)


def edited(model: nn.Module, edits: Iterable[Edit], *, seed: int) -> nn.Module:
    """A copy of `model` with the edits applied; new weights are drawn from `seed`.

    The model and the random state are left as they were.

    Raises:
        InputError: the model cannot be copied, or has no module where an edit wants one.
    """
    try:
        made = copy.deepcopy(model)
    except Exception as error:
        raise InputError(
            f"{type(model).__name__} cannot be copied ({type(error).__name__}: {error}), and an "
            "edit is only made to a copy; build the model anew and paste the plan's code"
        ) from error
    apply_in_place(made, edits, seed=seed)
    return made


def apply_in_place(model: nn.Module, edits: Iterable[Edit], *, seed: int) -> None:
    """Apply the edits to `model` itself; the random state is left as it was."""
    edits = ordered(edits)
    for edit in edits:
        try:
            module_at(model, edit.path)
        except AttributeError as error:
            raise InputError(
                f"the model has no module {edit.path!r}, which the plan edits; it was made for "
                "another model"
            ) from error
    lines: Lines = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for edit in edits:
            edit.apply(model, lines)
