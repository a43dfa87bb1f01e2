"""A program saved by torch.export: FILE.pt2, with the example inputs that lie in it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from plusone.errors import TargetError
from plusone.target.call import Call

FROZEN_MODE = "an exported program keeps the mode, train or eval, that it was exported in"


def load_exported(file: str) -> tuple[nn.Module, Call | None]:
    """The program's module and its example call (None where the file holds none)."""
    path = Path(file)
    if not path.is_file():
        raise TargetError(f"there is no file '{file}'")
    if not zipfile.is_zipfile(path):
        raise TargetError(f"'{file}' is no archive of torch.export.save")
    try:
        with _tensors_only():
            program = torch.export.load(path)
            module = program.module()
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise TargetError(
            f"'{file}' could not be loaded by torch {torch.__version__}: {type(error).__name__}: "
            f"{first}; export it again with this torch, with tensors alone as its inputs"
        ) from error
    if program.example_inputs is None:
        return module, None
    args, kwargs = program.example_inputs
    return module, Call(args=tuple(args), kwargs=dict(kwargs))


@contextmanager
def _tensors_only() -> Iterator[None]:
    """Makes every `torch.load` inside refuse pickled code; torch.export would fall back to it."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
