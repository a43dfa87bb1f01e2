"""A repair on disk: what `load` refuses, each in one sentence that says what to do."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import plusone
from fix import broken
from plusone.errors import InputError
from plusone.fix import load

Break = Callable[[Path], object]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a repaired net, with the recipe beside."""
    x = torch.randn(16, 64, generator=torch.Generator().manual_seed(3))
    weights, _ = plusone.fix(broken.plain_mlp(24), x, trial_steps=0).save(
        tmp_path_factory.mktemp("saved") / "net.pt"
    )
    return weights


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    for file in (saved, saved.with_suffix(".json")):
        shutil.copy(file, tmp_path)
    return tmp_path / "net.pt"


def recipe(path: Path) -> Path:
    return path.with_suffix(".json")


def damaged_recipe(path: Path) -> None:
    content = json.loads(recipe(path).read_text())
    content["edits"][0]["kind"] = "Zap"
    recipe(path).write_text(json.dumps(content))


FILES: dict[str, tuple[Break, str]] = {
    "no weights": (lambda p: p.unlink(), r"there is no file '\S+net.pt' with the state_dict"),
    "no recipe": (lambda p: recipe(p).unlink(), r"there is no recipe '\S+net.json'"),
    "a page": (lambda p: p.write_text("<!doctype html>"), "is no file of torch.save; it should"),
    "nothing": (lambda p: p.write_bytes(b""), "is no file of torch.save; it should"),
    "cut off": (lambda p: p.write_bytes(p.read_bytes()[:5000]), "is damaged or cut off"),
    "a model": (lambda p: torch.save(nn.Linear(3, 2), p), "holds more than tensors"),
    "an old pickle": (
        lambda p: torch.save(nn.Linear(3, 2), p, _use_new_zipfile_serialization=False),
        "holds more than tensors",
    ),
    "a tensor": (lambda p: torch.save(torch.zeros(3), p), "holds a Tensor, and not the state_dict"),
    "a checkpoint": (
        lambda p: torch.save({"epoch": 3, "model": nn.Linear(3, 2).state_dict()}, p),
        "is a checkpoint; save what its 'model' holds alone",
    ),
    "the original's weights": (
        lambda p: torch.save(broken.plain_mlp(24).state_dict(), p),
        "those of the model before the repair, without the edits",
    ),
    "other weights": (
        lambda p: torch.save(nn.Linear(3, 2).state_dict(), p),
        r"names are missing \(first '0.weight'\) and 2 are of something else \(first 'weight'\)",
    ),
    "no JSON": (lambda p: recipe(p).write_text("<html>"), "of a repair: it is no JSON"),
    "no text": (lambda p: recipe(p).write_bytes(b"\xff\xfe"), "of a repair: it is no JSON"),
    "another JSON": (lambda p: recipe(p).write_text("[1]"), "of schema none, and a recipe is of"),
    "a plan": (
        lambda p: recipe(p).write_text('{"schema": "plusone.plan/1"}'),
        "it is of schema plusone.plan/1, and a recipe is of plusone.fix/1",
    ),
    "a damaged recipe": (damaged_recipe, "of a repair: it is damaged: KeyError: 'Zap'"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_wrong_file_is_one_sentence(copied: Path, case: str) -> None:
    spoil, message = FILES[case]
    spoil(copied)
    with pytest.raises(InputError) as caught:
        load(broken.plain_mlp(24), copied)
    said = str(caught.value)
    assert re.search(message, said), said
    assert "\n" not in said
    assert "weights_only" not in said


def convolutions() -> nn.Module:
    return nn.Sequential(*(nn.Conv2d(1, 1, 1) for _ in range(60)))


MODELS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "fewer layers": (lambda: broken.plain_mlp(19), "has no module '.*', which the plan edits"),
    "other layers": (convolutions, "do not fit Sequential with its recipe: .* names are missing"),
    "another width": (
        lambda: nn.Sequential(nn.Linear(32, 64), *broken.plain_mlp(24)[1:]),  # type: ignore[index]
        r"'0.weight' is \[64, 64\] in the file and \[64, 32\] in the model",
    ),
}


@pytest.mark.parametrize("case", MODELS)
def test_another_model_is_one_sentence(saved: Path, case: str) -> None:
    make, message = MODELS[case]
    with pytest.raises(InputError, match=message):
        load(make(), saved)
