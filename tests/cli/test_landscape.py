"""`plusone landscape`: numbers on stdout, files where they were asked for."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support.cli import Run

NETS = """
    import sys
    import torch
    from torch import nn

    def build():
        print("building")
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)), torch.randn(16, 4)

    def whole():
        model, x = build()
        return model, x, torch.randint(3, (16,)), nn.functional.cross_entropy

    class Leaves(nn.Linear):
        calls = 0

        def forward(self, x):
            Leaves.calls += 1
            if Leaves.calls > 30:
                raise KeyboardInterrupt
            return super().forward(x).square().mean()

    def leaves():
        return Leaves(3, 3), torch.randn(4, 3)

    class Ends(nn.Linear):
        def forward(self, x):
            sys.exit(3)

    def ends():
        return Ends(3, 3), torch.randn(4, 3)
"""
SMALL = ("--points", "5", "--density", "8")


@pytest.fixture
def targets(tmp_path: Path) -> str:
    """A file of targets with and without a loss."""
    path = tmp_path / "nets.py"
    path.write_text(textwrap.dedent(NETS))
    return str(path)


def test_it_prints_every_number(run: Run, targets: str) -> None:
    ran = run("landscape", f"{targets}:whole", *SMALL)
    assert ran.code == 0
    for name in ("lambda max", "lambda min", "trace", "density", "slice 1", "surface"):
        assert f"\n{name} " in ran.out
    assert "building" not in ran.out
    assert "building" in ran.err


def test_json_on_stdout_is_all_there_is(run: Run, targets: str) -> None:
    ran = run("landscape", f"{targets}:whole", *SMALL, "--json", "-")
    found = json.loads(ran.out)
    assert found["schema"] == "plusone.landscape/1"
    assert found["target"].endswith("nets.py:whole")
    assert len(found["surface"]["losses"]) == 5


def test_files_are_written_and_named(run: Run, targets: str, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    files = {name: tmp_path / f"a.{name}" for name in ("svg", "html", "interactive", "json")}
    options = [part for name, file in files.items() for part in (f"--{name}", str(file))]
    ran = run("landscape", f"{targets}:whole", *SMALL, *options)
    assert ran.code == 0
    assert all(f"wrote {file}" in ran.err for file in files.values())
    assert ElementTree.parse(files["svg"]).getroot().tag.endswith("svg")
    assert files["html"].read_text().startswith("<!doctype html>")
    assert "Plotly" in files["interactive"].read_text()
    assert json.loads(files["json"].read_text())["num_parameters"] == 67


def test_a_loss_can_be_named_for_a_target_without_one(run: Run, targets: str) -> None:
    without = run("landscape", f"{targets}:build", *SMALL)
    assert without.code == 2
    assert "comes without a loss" in without.err
    assert "--loss cross-entropy" in without.err
    ran = run("landscape", f"{targets}:build", *SMALL, "--loss", "cross-entropy")
    assert ran.code == 0


def test_parts_can_be_left_out(run: Run, targets: str) -> None:
    ran = run("landscape", f"{targets}:whole", "--points", "5", "--no-hessian", "--no-surface")
    assert ran.code == 0
    assert "slice 2" in ran.out
    assert "lambda" not in ran.out
    assert "surface" not in ran.out
    ran = run("landscape", f"{targets}:whole", "--points", "5", "--density", "0", "--no-surface")
    assert "lambda max" in ran.out
    assert "density" not in ran.out


def test_what_did_not_converge_is_a_note(run: Run, targets: str) -> None:
    ran = run("landscape", f"{targets}:whole", "--points", "5", "--density", "1")
    assert "note: not converged: density after 2 products" in ran.err
    quiet = run("landscape", f"{targets}:whole", "--points", "5", "--density", "1", "--quiet")
    assert quiet.err.strip() == "building"


def test_an_interruption_prints_what_there_is_and_exits_with_130(run: Run, targets: str) -> None:
    ran = run("landscape", f"{targets}:leaves", "--points", "9", "--density", "0")
    assert ran.code == 130
    assert "lambda max" in ran.out
    assert "interrupted" in ran.out
    assert "interrupted: what was computed by then follows" in ran.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--points", "4"), "points is 4; it must be odd"),
        (("--span", "-1"), "span is -1.0; it must be above 0"),
        (("--density", "-1"), "--density is -1; it must be 0 or more"),
        (("--svg", "/nowhere/a.svg"), "there is no folder '/nowhere'"),
        (("--html", "/"), "is a folder; give the name of a file"),
        (("--statistics", "none"), "--statistics"),
    ],
)
def test_bad_options_are_one_sentence(
    run: Run, targets: str, options: tuple[str, ...], message: str
) -> None:
    ran = run("landscape", f"{targets}:whole", *options)
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert "building" not in ran.err


def test_a_model_that_ends_the_process_is_an_error(run: Run, targets: str) -> None:
    ran = run("landscape", f"{targets}:ends", *SMALL)
    assert ran.code == 2
    assert "called sys.exit(3) in its forward" in ran.err
