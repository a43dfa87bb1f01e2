"""The command line in this process, a file of targets, and the pipeline replaced where asked."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from plusone.cli.main import main

from support.cli import Pipeline, Ran, Run

NETS = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

        def forward(self, x):
            for block in self.blocks:
                x = x + block(x)
            return x

    def build():
        print("building")
        return Net(), torch.randn(4, 4)

    def bare():
        return Net()

    def raises():
        raise ValueError("no data today")

    def none():
        return None
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs `plusone` with its arguments, 100 columns wide."""
    monkeypatch.setenv("COLUMNS", "100")

    def ran(*arguments: str) -> Ran:
        code = main(arguments)
        captured = capsys.readouterr()
        return Ran(code=code, out=captured.out, err=captured.err)

    return ran


@pytest.fixture
def nets(tmp_path: Path) -> str:
    """The path of a file of targets; `build` in it works."""
    path = tmp_path / "nets.py"
    path.write_text(textwrap.dedent(NETS))
    return str(path)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """The pipeline replaced by a stand-in."""
    stand_in = Pipeline()
    module = ModuleType("plusone.scan")
    vars(module).update(scan_subject=stand_in.scan_subject, map_subject=stand_in.map_subject)
    monkeypatch.setitem(sys.modules, "plusone.scan", module)
    return stand_in
