"""Files that hold pickles: read as tensors or refused, never run."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import torch

from plusone.errors import PlusoneError, TargetError
from plusone.target.models import is_state_dict
from plusone.target.suggest import a


def load_tensors(path: Path, *, error: type[PlusoneError]) -> object:
    """What a torch.save file holds, read with `weights_only=True`, so that no code in it runs."""
    if _is_torchscript(path):
        raise error(
            f"'{path}' is a TorchScript archive, whose operations have lost their modules: give "
            "the model that it was made from"
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # on pickles of other protocols
            return torch.load(
                path, weights_only=True, map_location="cpu", mmap=zipfile.is_zipfile(path)
            )
    except pickle.UnpicklingError as cause:
        raise error(
            f"'{path}' holds pickled Python objects, which can run any code when they are loaded, "
            "so plusone does not load it; write a function that builds the model and its inputs, "
            "and give file.py:NAME"
        ) from cause
    except Exception as cause:  # bytes that are no pickle can fail in any way
        raise error(f"'{path}' is no file of torch.save that holds tensors") from cause


def refuse_weights(file: str) -> NoReturn:
    """Raises with the reason why a file of weights is no target."""
    path = Path(file)
    if not path.is_file():
        raise TargetError(f"there is no file '{file}'")
    if path.suffix == ".safetensors":
        raise TargetError(_state_dict_sentence(file, "tensors"))
    value = load_tensors(path, error=TargetError)
    if is_state_dict(value):
        assert isinstance(value, Mapping)
        raise TargetError(_state_dict_sentence(file, f"a state_dict of {len(value)} tensors"))
    nested = _nested_state_dict(value)
    if nested is not None:
        raise TargetError(_state_dict_sentence(file, f"a checkpoint (state_dict in '{nested}')"))
    raise TargetError(
        f"'{file}' holds {a(value)}, no model: give the code that builds the model "
        f"as file.py:NAME (and this file with --inputs, if it holds the batch)"
    )


def _state_dict_sentence(file: str, what: str) -> str:
    return (
        f"'{file}' holds {what}: weights without the code that says how they connect, so there is "
        "nothing to scan; write a function that builds the model and calls load_state_dict, and "
        "give file.py:NAME"
    )


def _nested_state_dict(value: object) -> object | None:
    if not isinstance(value, Mapping):
        return None
    return next((key for key, entry in value.items() if is_state_dict(entry)), None)


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())
