"""Inputs from the command line: drawn after a specification, or read from a file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from plusone.errors import InputError
from plusone.target.extras import import_extra
from plusone.target.suggest import a, did_you_mean
from plusone.target.weights import load_tensors

SYNTAX = "[NAME=]SIZES[:DTYPE[:BELOW]], such as 4,3,224,224 or input_ids=2,16:int64:50257"
_FORM = re.compile(r"(?:(?P<name>[A-Za-z_]\w*)=)?(?P<sizes>[\d,x]*)(?::(?P<rest>.*))?")
_DTYPES: dict[str, torch.dtype] = {
    "bfloat16": torch.bfloat16,
    "bool": torch.bool,
    "complex64": torch.complex64,
    "float16": torch.float16,
    "float32": torch.float32,
    "float64": torch.float64,
    "int32": torch.int32,
    "int64": torch.int64,
    "long": torch.int64,
    "uint8": torch.uint8,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One input to draw; `below` bounds whole numbers (None: as small as the model needs)."""

    name: str = ""
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32
    below: int | None = None


def parse_input(text: str) -> InputSpec:
    """The input that a string such as "2,16:int64" describes."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise InputError(f"--input '{text}' cannot be read: write {SYNTAX}")
    sizes = re.split("[,x]", match["sizes"]) if match["sizes"] else []
    if not all(sizes) or "0" in sizes:
        raise InputError(f"--input '{text}' has an empty or zero size: write {SYNTAX}")
    dtype, _, below = (match["rest"] or "float32").partition(":")
    if dtype not in _DTYPES:
        known = did_you_mean(dtype, _DTYPES, otherwise=f"; known are {', '.join(_DTYPES)}")
        raise InputError(f"--input '{text}' has the unknown dtype '{dtype}'{known}")
    if below and not (below.isdecimal() and int(below) > 0):
        raise InputError(f"--input '{text}': the bound '{below}' is no positive whole number")
    return InputSpec(
        name=match["name"] or "",
        shape=tuple(int(size) for size in sizes),
        dtype=_DTYPES[dtype],
        below=int(below) if below else None,
    )


def draw_inputs(
    specs: tuple[str, ...], model: nn.Module, *, generator: torch.Generator
) -> tuple[object, ...] | dict[str, object]:
    """The inputs that `specs` describe: a tuple where none is named, a dict where all are.

    Real numbers are standard normal. Whole numbers are uniform below the bound, or, where none
    is given, below the vocabulary that the model's configuration states, or else the smallest
    embedding table of `model`, which every index fits.
    """
    parsed = [parse_input(text) for text in specs]
    names = [spec.name for spec in parsed]
    if any(names) and not all(names):
        raise InputError("either all --input are named (name=2,16) or none is")
    if len(set(names)) < len(names) and any(names):
        raise InputError(f"--input names {', '.join(sorted(set(names)))} come more than once")
    bound = _index_bound(model)
    tensors = [draw(spec, below=spec.below or bound, generator=generator) for spec in parsed]
    return dict(zip(names, tensors, strict=True)) if any(names) else tuple(tensors)


def _index_bound(model: nn.Module) -> int:
    vocabulary = getattr(getattr(model, "config", None), "vocab_size", None)
    if isinstance(vocabulary, int):
        return vocabulary
    tables = [m.num_embeddings for m in model.modules() if isinstance(m, nn.Embedding)]
    return min(tables, default=2)


def draw(spec: InputSpec, *, below: int, generator: torch.Generator) -> torch.Tensor:
    """One random tensor: standard normal, or uniform whole numbers in [0, below).

    Raises:
        InputError: there is no memory for it.
    """
    try:
        return _draw(spec, below, generator)
    except (RuntimeError, TypeError, OverflowError) as cause:
        sizes = ",".join(str(size) for size in spec.shape)
        raise InputError(
            f"--input {sizes} asks for {math.prod(spec.shape):.1e} numbers, for which there is no "
            "memory; give smaller sizes"
        ) from cause


def _draw(spec: InputSpec, below: int, generator: torch.Generator) -> torch.Tensor:
    if spec.dtype.is_floating_point or spec.dtype.is_complex:
        wide = torch.complex64 if spec.dtype.is_complex else torch.float32
        return torch.randn(spec.shape, generator=generator, dtype=wide).to(spec.dtype)
    top = 2 if spec.dtype == torch.bool else below
    return torch.randint(top, spec.shape, generator=generator).to(spec.dtype)


def read_inputs(file: str) -> object:
    """The inputs saved in a .pt file (a tensor, tuple or dict) or a .safetensors file (a dict)."""
    path = Path(file)
    if not path.is_file():
        raise InputError(f"there is no file '{file}' to read inputs from")
    if path.suffix == ".safetensors":
        loaded: dict[str, object] = import_extra("safetensors.torch", extra="zoo").load_file(path)
        return loaded
    value = load_tensors(path, error=InputError)
    if isinstance(value, list):
        value = tuple(value)
    if not isinstance(value, torch.Tensor | tuple | Mapping):
        raise InputError(
            f"'{file}' holds {a(value)}: inputs are a tensor, a tuple of positional "
            "arguments or a dict of keyword arguments"
        )
    return value
