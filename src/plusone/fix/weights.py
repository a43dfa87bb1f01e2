"""Saved weights: read as tensors alone, and why they do not fit a model, in one sentence."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from plusone.errors import InputError
from plusone.target.models import is_state_dict
from plusone.target.suggest import a

Weights = Mapping[str, object]

_WANTED = "the state_dict that the `save` of a repair, or `plusone fix --save`, writes"


def read_weights(path: Path) -> Weights:
    """The state_dict in a file; no code in it runs.

    Raises:
        InputError: there is no such file, or it holds something else.
    """
    if not path.is_file():
        raise InputError(f"there is no file '{path}' with {_WANTED}")
    try:
        with warnings.catch_warnings(action="ignore"):  # on TorchScript, and old protocols
            found = torch.load(path, weights_only=True, map_location="cpu")
    except PermissionError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from error
    except Exception as error:  # bytes that are no pickle can fail in any way
        raise InputError(f"'{path}' {_instead(path)}; it should hold {_WANTED}") from error
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise InputError(f"'{path}' holds {a(found)}, and not {_WANTED}")
    return found


def misfit(made: nn.Module, given: nn.Module, weights: Weights) -> str:
    """Why the weights are not those of `made`, the model `given` after its edits; "" if they are.

    Names are compared first, then shapes.
    """
    wanted: Weights = made.state_dict()
    if wanted.keys() != weights.keys():
        return _of_names(given, list(wanted), weights)
    for name, tensor in wanted.items():
        have, want = (getattr(t, "shape", None) for t in (weights[name], tensor))
        if have != want:
            return f"'{name}' is {_shape(have)} in the file and {_shape(want)} in the model"
    return ""


def _of_names(given: nn.Module, wanted: list[str], weights: Weights) -> str:
    nested = [key for key, entry in weights.items() if is_state_dict(entry)]
    if nested:
        return f"the file is a checkpoint; save what its '{nested[0]}' holds alone"
    if given.state_dict().keys() == weights.keys():
        return "they are those of the model before the repair, without the edits of the recipe"
    missing = [name for name in wanted if name not in weights]
    others = [name for name in weights if name not in wanted]
    parts = [
        f"{len(names):,} {words} (first '{names[0]}')"
        for names, words in ((missing, "names are missing"), (others, "are of something else"))
        if names
    ]
    return " and ".join(parts)


def _shape(shape: torch.Size | None) -> str:
    return "no tensor" if shape is None else str(list(shape))


def _instead(path: Path) -> str:
    """What a file is that could not be read as tensors."""
    with path.open("rb") as file:
        begin = file.read(2)
    if zipfile.is_zipfile(path) or begin.startswith(b"\x80"):  # as of now, and as torch.save wrote
        return (
            "holds more than tensors, such as a whole model, and pickled objects can run any code "
            "when they are loaded"
        )
    return "is damaged or cut off" if begin == b"PK" else "is no file of torch.save"
