"""A repaired model on disk: an ordinary state_dict, and a small JSON that repeats the edits."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import msgspec
import torch
from torch import nn

from plusone.errors import InputError
from plusone.fix.edits import KINDS, Edit
from plusone.fix.surgery import edited
from plusone.fix.weights import misfit, read_weights

SCHEMA = "plusone.fix/1"


def recipe_of(edits: tuple[Edit, ...], *, seed: int) -> dict[str, object]:
    """The edits as plain data; weights are not in it."""
    listed = [{"kind": type(edit).__name__, **asdict(edit)} for edit in edits]
    return {"schema": SCHEMA, "seed": seed, "edits": listed}


def edits_of(recipe: object) -> tuple[tuple[Edit, ...], int]:
    """The edits and the seed that a recipe holds; InputError if it is none."""
    if not isinstance(recipe, dict) or recipe.get("schema") != SCHEMA:
        found = recipe.get("schema") if isinstance(recipe, dict) else None
        raise InputError(f"it is of schema {found or 'none'}, and a recipe is of {SCHEMA}")
    edits = []
    try:
        for entry in recipe["edits"]:
            fields = {key: value for key, value in entry.items() if key != "kind"}
            edits.append(msgspec.convert(fields, type=KINDS[entry["kind"]]))
        return tuple(edits), int(recipe["seed"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"it is damaged: {type(error).__name__}: {error}") from error


def save(model: nn.Module, recipe: dict[str, object], path: str | Path) -> tuple[Path, Path]:
    """Write `path` (the state_dict) and the recipe beside it, with the suffix .json; both paths."""
    path = Path(path)
    beside = path.with_suffix(".json")
    if beside == path:
        raise InputError(f"{path} is the name of the recipe; give the weights another, such as .pt")
    try:
        torch.save(model.state_dict(), path)
        beside.write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path} cannot be written: {error}") from error
    return path, beside


def load(model: nn.Module, path: str | Path) -> nn.Module:
    """A copy of `model`, freshly built as before the repair, with the edits and the weights saved.

    Only tensors and JSON are read; a recipe names no code.

    Raises:
        InputError: a file is missing or holds something else, or belongs to another model.
    """
    path = Path(path)
    weights = read_weights(path)
    beside = path.with_suffix(".json")
    edits, seed = _read_recipe(beside)
    name = type(model).__name__
    try:
        made = edited(model, edits, seed=seed)
    except (AttributeError, TypeError, RuntimeError) as error:
        raise InputError(f"the recipe '{beside}' does not fit {name}: {error}") from error
    why = misfit(made, model, weights)
    if why:
        raise InputError(f"the weights of '{path}' do not fit {name} with its recipe: {why}")
    try:
        made.load_state_dict(weights)
    except RuntimeError as error:  # modules may refuse for reasons of their own
        first = " ".join(str(error).split())[:200]
        raise InputError(f"the weights of '{path}' do not fit {name}: {first}") from error
    return made


def _read_recipe(path: Path) -> tuple[tuple[Edit, ...], int]:
    """The edits and the seed in a file."""
    if not path.is_file():
        raise InputError(
            f"there is no recipe '{path}': it is written beside the weights, and says with which "
            "edits the model is built again"
        )
    try:
        return edits_of(json.loads(path.read_text(encoding="utf-8")))
    except InputError as error:
        raise InputError(f"'{path}' is not the recipe of a repair: {error}") from error
    except ValueError as error:  # of JSON, or of UTF-8
        raise InputError(f"'{path}' is not the recipe of a repair: it is no JSON") from error
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from error
