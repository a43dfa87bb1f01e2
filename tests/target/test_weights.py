"""Files of weights, which are no targets."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from plusone.errors import TargetError
from plusone.target import resolve


def test_a_saved_state_dict_is_told_why_it_cannot_work(tmp_path: Path) -> None:
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "net.pth")
    message = "holds a state_dict of 2 tensors: weights without the code .* give file.py:NAME"
    with pytest.raises(TargetError, match=message):
        resolve(str(tmp_path / "net.pth"))


def test_a_checkpoint_is_told_where_its_state_dict_is(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "model": nn.Linear(3, 2).state_dict()}, tmp_path / "last.ckpt")
    with pytest.raises(TargetError, match="a checkpoint \\(state_dict in 'model'\\)"):
        resolve(str(tmp_path / "last.ckpt"))


def test_a_pickled_model_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save(nn.Linear(3, 2), tmp_path / "net.pt")
    with pytest.raises(TargetError, match="pickled Python objects.*write a function"):
        resolve(str(tmp_path / "net.pt"))


def test_a_file_of_tensors_that_are_no_weights_is_refused(tmp_path: Path) -> None:
    torch.save(torch.ones(3), tmp_path / "batch.pt")
    with pytest.raises(TargetError, match="holds a Tensor, no model"):
        resolve(str(tmp_path / "batch.pt"))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x80\x02q\x01."])
def test_a_file_that_torch_did_not_write_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.bin").write_bytes(content)
    with pytest.raises(TargetError, match="is no file of torch.save"):
        resolve(str(tmp_path / "net.bin"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_torchscript_archive_is_refused_by_name(tmp_path: Path) -> None:
    torch.jit.trace(nn.Linear(3, 2), torch.ones(1, 3)).save(str(tmp_path / "net.pt"))
    with pytest.raises(TargetError, match="is a TorchScript archive"):
        resolve(str(tmp_path / "net.pt"))


def test_safetensors_are_refused_without_being_read(tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(b"anything")
    with pytest.raises(TargetError, match="holds tensors: weights without the code"):
        resolve(str(tmp_path / "net.safetensors"))


def test_weights_that_are_not_there_are_said_to_be_missing() -> None:
    with pytest.raises(TargetError, match="there is no file 'nowhere.pth'"):
        resolve("nowhere.pth")
