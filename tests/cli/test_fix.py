"""`plusone fix`: what it prints, writes and returns."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
import torch

from plusone.fix import load

from support.cli import Run

TARGETS = """
    import torch
    from torch import nn
    from torch.nn import functional as F

    def plain():
        layers = [nn.Linear(16, 32), nn.ReLU()]
        for _ in range(20):
            layers += [nn.Linear(32, 32), nn.ReLU()]
        x, y = torch.randn(32, 16), torch.randint(10, (32,))
        return nn.Sequential(*layers, nn.Linear(32, 10)), x, y, F.cross_entropy

    def frozen():
        model, *rest = plain()
        return model.requires_grad_(False), *rest

    def healthy():
        model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 10))
        return model, torch.randn(32, 16)
"""


@pytest.fixture
def targets(tmp_path: Path) -> str:
    path = tmp_path / "broken_nets.py"
    path.write_text(textwrap.dedent(TARGETS))
    return str(path)


def test_a_plan_is_printed_and_the_exit_code_is_1(
    run: Run, targets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    ran = run("fix", f"{targets}:plain", "--trial", "0", "--verify", "3")
    assert ran.code == 1
    assert "- Linear(" in ran.out
    assert "+ Splice(Linear(" in ran.out
    assert "trained side by side, 3 steps" in ran.out
    assert max(len(line) for line in ran.out.splitlines() if targets not in line) <= 60


def test_what_was_asked_for_and_has_no_use_is_said(run: Run, targets: str, tmp_path: Path) -> None:
    file = tmp_path / "net.pt"
    ran = run("fix", f"{targets}:healthy", "--verify", "3", "--save", str(file))
    assert ran.code == 0
    assert "note: --verify trained nothing, because the plan has no edits" in ran.err
    assert "note: --save wrote nothing" in ran.err
    assert not file.exists()


def test_a_healthy_model_needs_nothing_and_the_exit_code_is_0(run: Run, targets: str) -> None:
    ran = run("fix", f"{targets}:healthy")
    assert ran.code == 0
    assert "nothing to repair: trainable" in ran.out


def test_what_cannot_be_edited_gives_the_plan_and_exit_code_2(run: Run, targets: str) -> None:
    ran = run("fix", f"{targets}:frozen", "--trial", "0")
    assert ran.code == 2
    assert "+ Splice(Linear(" in ran.out
    assert ran.err.count("\n") == 1
    assert "the model is frozen" in ran.err


def test_the_code_alone_can_be_run_with_the_curves_as_comments(run: Run, targets: str) -> None:
    ran = run("fix", f"{targets}:plain", "--trial", "0", "--code", "--verify", "2")
    assert "# trained side by side, 2 steps" in ran.out
    space: dict[str, object] = {}
    exec(Path(targets).read_text(), space)
    plain = space["plain"]
    assert callable(plain)
    model, x, *_ = plain()
    exec(ran.out, {"model": model})
    assert model(x).shape == (32, 10)
    assert any("Splice" in type(m).__name__ for m in model.modules())


def test_json_alone_holds_plan_recipe_and_curves(run: Run, targets: str) -> None:
    ran = run("fix", f"{targets}:plain", "--trial", "0", "--verify", "2", "--json", "-")
    found = json.loads(ran.out)
    assert found["schema"] == "plusone.plan/1"
    assert found["predicted"]["before"]["label"] == "vanishing"
    assert found["predicted"]["after"]["label"] == "trainable"
    assert len(found["recipe"]["edits"]) == 21
    assert len(found["verification"]["repaired"]) == 2


def test_the_repaired_model_is_saved_with_its_recipe(
    run: Run, targets: str, tmp_path: Path
) -> None:
    file, plan = tmp_path / "net.pt", tmp_path / "plan.json"
    files = ("--save", str(file), "--json", str(plan))
    ran = run("fix", f"{targets}:plain", "--trial", "0", *files)
    assert ran.code == 1
    written = (file, tmp_path / "net.json", plan)
    assert ran.err.splitlines() == [f"wrote {path}" for path in written]
    assert run("fix", f"{targets}:plain", "--trial", "0", *files, "--quiet").err == ""
    space: dict[str, object] = {}
    exec(Path(targets).read_text(), space)
    plain = space["plain"]
    assert callable(plain)
    model, x, *_ = plain()
    with torch.no_grad():
        assert load(model, file)(x).shape == (32, 10)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--verify", "0"), "--verify is 0"),
        (("--trial", "-1"), "--trial is -1"),
        (("--save", "recipe.json"), "is the recipe's name"),
        (("--json", "/nowhere/plan.json"), "there is no folder"),
        (("--save", "net.pt", "--json", "net.json"), "where --save net.pt writes its recipe"),
    ],
)
def test_options_that_cannot_be_followed_are_refused_first(
    run: Run, targets: str, options: tuple[str, ...], words: str
) -> None:
    ran = run("fix", f"{targets}:plain", *options)
    assert ran.code == 2
    assert words in ran.err
