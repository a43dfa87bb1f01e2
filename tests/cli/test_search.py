"""`plusone search`: the table on stdout, JSON and a recipe where they were asked for, bad input."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from support.cli import Run
from support.markup import check_offline

NETS = """
    import torch
    from torch import nn

    def build():
        torch.manual_seed(0)
        layers = [m for _ in range(4) for m in (nn.Linear(4, 4), nn.ReLU())]
        return nn.Sequential(*layers, nn.Linear(4, 3)), torch.randn(32, 4)

    def whole():
        model, x = build()
        return model, x, torch.arange(32) % 3, nn.functional.cross_entropy

    def lone():
        return nn.Linear(4, 3), *whole()[1:]
"""
SMALL = ("--trials", "3", "--steps", "5", "--batch", "8")


@pytest.fixture
def targets(tmp_path: Path) -> str:
    """A file of targets with and without a loss."""
    path = tmp_path / "nets.py"
    path.write_text(textwrap.dedent(NETS))
    return str(path)


def test_it_prints_the_patterns_and_writes_what_was_asked_for(
    run: Run, targets: str, tmp_path: Path
) -> None:
    files = ("--json", str(tmp_path / "a.json"), "--save", str(tmp_path / "best.pt"))
    files += ("--html", str(tmp_path / "a.html"))
    ran = run("search", f"{targets}:whole", *SMALL, *files, "--code")
    assert ran.code == 0, ran.err
    head = " ".join(ran.out.split())
    assert "3 places at which a skip may return, 6 patterns trained (theory)" in head
    for name in ("no skips", "all-skip", "period 2", "Splice("):
        assert name in ran.out
    page = (tmp_path / "a.html").read_text()
    check_offline(page)
    assert f"{targets}:whole" in page
    assert f"wrote {tmp_path / 'a.html'}" in ran.err
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["schema"] == "plusone.search/1"
    assert len(found["tried"]) == 6
    assert found["recipe"] == json.loads((tmp_path / "best.json").read_text())


def test_a_narrow_terminal_is_kept_to(
    run: Run, targets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    ran = run("search", f"{targets}:whole", *SMALL, "-q")
    assert ran.code == 0
    assert max(map(len, ran.out.splitlines())) <= 60


def test_several_processes_share_a_study(run: Run, targets: str, tmp_path: Path) -> None:
    storage = ("--storage", str(tmp_path / "a.journal"), "--sampler", "random")
    ran = run("search", f"{targets}:whole", *SMALL, *storage, "--jobs", "2", "--json", "-")
    assert ran.code == 0, ran.err
    assert len(json.loads(ran.out)["tried"]) == 6


def test_a_toml_file_says_what_the_options_say(run: Run, targets: str, tmp_path: Path) -> None:
    spec = tmp_path / "a.toml"
    spec.write_text(
        'trials = 2\nsampler = "random"\n[space]\nmax_span = 1\nscales = ["zero"]\n'
        "[training]\nsteps = 5\nbatch = 8\n"
    )
    ran = run("search", f"{targets}:whole", "--spec", str(spec), "--json", "-")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["sampler"] == "random"
    assert {span for t in found["tried"] for span in t["spans"]} == {0, 1}
    assert {t["scale"] for t in found["tried"]} == {"zero"}
    first = run("search", f"{targets}:whole", "--spec", str(spec), "--sampler", "tpe", "--json=-")
    assert json.loads(first.out)["sampler"] == "tpe"


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        ("build", (), "comes without a loss, so that no pattern can be trained"),
        ("lone", (), "is empty: 0 places where a skip could leave or return"),
        ("whole", ("--max-parameters", "9"), "without any skip it has 95 parameters"),
        ("whole", ("--trials", "0"), "trials is 0; it must be 1 or more"),
        ("whole", ("--jobs", "2"), "--jobs needs --storage"),
        ("whole", ("--storage", "/no/where.journal"), "has no folder '/no'"),
        ("whole", ("--storage", "postgresql://a@127.0.0.1:1/b"), "cannot be reached"),
        ("whole", ("--save", "/no/where.pt"), "there is no folder '/no'"),
        ("whole", ("--html", "/no/where.html"), "there is no folder '/no'"),
        ("whole", ("--html", "/proc/version"), "--html '/proc/version' cannot be written"),
        ("whole", ("--spec", "/no/where.toml"), "cannot be read: No such file"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence_and_exit_2(
    run: Run, targets: str, target: str, options: tuple[str, ...], words: str
) -> None:
    ran = run("search", f"{targets}:{target}", *SMALL[2:], *options)
    assert ran.code == 2
    assert words in ran.err
    assert ran.err.count("\n") == 1
    assert not ran.out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trails = 3", "there is no option trails; did you mean trials?"),
        ("[space]\nmaxspan = 3", "there is no option space.maxspan; did you mean space.max_span?"),
        ("[training]\nx = 3", "there is no option training.x; it is one of steps, batch"),
        ('trials = "many"', "Expected `int`, got `str` - at `$.trials`"),
        ("space = 3", "space is a table, [space], and not 3"),
        ("trials = ", "is no TOML"),
    ],
)
def test_a_typo_in_a_toml_file_is_one_sentence_and_exit_2(
    run: Run, targets: str, tmp_path: Path, text: str, words: str
) -> None:
    spec = tmp_path / "a.toml"
    spec.write_text(text)
    ran = run("search", f"{targets}:whole", "--spec", str(spec))
    assert ran.code == 2
    assert words in ran.err
    assert ran.err.count("\n") == 1
