"""Programs saved by torch.export."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from plusone.errors import TargetError
from plusone.target import resolve


class Scaled(nn.Module):
    """Takes a positional and a keyword argument."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor, *, scale: torch.Tensor) -> torch.Tensor:
        return self.linear(x) * scale


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "scaled.pt2"
    call = (torch.randn(4, 3),), {"scale": torch.ones(2)}
    torch.export.save(torch.export.export(Scaled(), *call), path)
    return path


def test_a_program_runs_on_the_inputs_saved_in_it(program: Path) -> None:
    subject = resolve(str(program))
    output = subject.model(*subject.args, **subject.kwargs)
    assert output.shape == (4, 2)
    assert output.requires_grad
    assert list(subject.kwargs) == ["scale"]


def test_a_program_comes_with_a_note_on_its_mode(program: Path) -> None:
    assert "keeps the mode" in resolve(str(program)).notes[0]


def test_loading_a_program_leaves_the_environment_alone(program: Path) -> None:
    before = dict(os.environ)
    resolve(str(program))
    assert dict(os.environ) == before


class Trap:
    """Would run code when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("the pickle was run",))


def test_a_pickle_inside_a_program_is_refused_and_not_run(program: Path, tmp_path: Path) -> None:
    torch.save(Trap(), tmp_path / "trap.pt")
    bad = tmp_path / "bad.pt2"
    with zipfile.ZipFile(program) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            is_sample = "sample_inputs" in name
            target.writestr(
                name, (tmp_path / "trap.pt").read_bytes() if is_sample else source.read(name)
            )
    with pytest.raises(TargetError, match="could not be loaded by torch"):
        resolve(str(bad))


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(TargetError, match="there is no file 'nowhere.pt2'"):
        resolve("nowhere.pt2")


def test_a_file_that_is_no_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.pt2").write_text("no archive")
    with pytest.raises(TargetError, match=r"is no archive of torch.export.save"):
        resolve(str(tmp_path / "net.pt2"))
