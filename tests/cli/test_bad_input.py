"""Each bad target or option gives one clear sentence and the exit code 2, never a traceback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from support.cli import Pipeline, Run

CASES = {
    "no such file": (["nowhere.py:build"], "there is no file 'nowhere.py'"),
    "no such module": (["no_such_module:build"], "there is no module 'no_such_module'"),
    "no such name": (["{nets}:biuld"], "did you mean build"),
    "no name": (["{nets}"], "says where but not what"),
    "no form": (["resnet50"], "did you mean timm:resnet50"),
    "raises": (["{nets}:raises"], r"raised ValueError: no data today \(nets.py, line"),
    "returns none": (["{nets}:none"], "is None, not a torch.nn.Module"),
    "no inputs": (["{nets}:bare"], "comes without inputs"),
    "wrong input syntax": (["{nets}:bare", "--input", "4;4"], "cannot be read: write"),
    "too many inputs": (["{nets}:bare", "--input", "4,4", "--input", "4"], "do not fit"),
    "unknown name of an input": (["{nets}:bare", "--input", "y=4,4"], "was given y"),
    "no such inputs": (["{nets}:bare", "--inputs", "nowhere.pt"], "to read inputs from"),
    "no such program": (["nowhere.pt2"], "there is no file 'nowhere.pt2'"),
    "no such weights": (["nowhere.pth"], "there is no file 'nowhere.pth'"),
    "unknown option": (["{nets}:build", "--inptu", "4"], "Did you mean --input"),
    "unknown choice": (["{nets}:build", "--mode", "sideways"], "sideways"),
    "no repeats": (["{nets}:build", "--repeats", "0"], "--repeats is 0; it must be 1 or more"),
    "unknown code": (["{nets}:build", "--select", "X9"], "X9 fits no finding; the codes are"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gives_one_sentence_and_exit_code_2(
    run: Run, nets: str, pipeline: Pipeline, case: str
) -> None:
    arguments, message = CASES[case]
    ran = run("scan", *(argument.format(nets=nets) for argument in arguments))
    said = " ".join(ran.err.split())
    assert ran.code == 2
    assert said.startswith("error: ")
    assert re.search(message, said), said
    assert "Traceback" not in said
    assert ran.out == ""


def test_a_state_dict_is_told_why_it_cannot_work(
    run: Run, pipeline: Pipeline, tmp_path: Path
) -> None:
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "net.pth")
    ran = run("scan", str(tmp_path / "net.pth"))
    assert ran.code == 2
    assert "weights without the code that says how they connect" in ran.err


def test_a_pickle_is_refused(run: Run, pipeline: Pipeline, tmp_path: Path) -> None:
    torch.save(nn.Linear(3, 2), tmp_path / "net.pt")
    ran = run("scan", str(tmp_path / "net.pt"))
    assert ran.code == 2
    assert "can run any code when they are loaded" in ran.err


@pytest.mark.parametrize("case", ["no such file", "raises", "unknown option"])
def test_the_installed_command_says_the_same(nets: str, case: str) -> None:
    arguments, message = CASES[case]
    done = subprocess.run(
        [sys.executable, "-m", "plusone", "scan", *(a.format(nets=nets) for a in arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.search(message, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
