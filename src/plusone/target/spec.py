"""What a target string names, found by its form alone: nothing is imported or opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from plusone.errors import TargetError

Source = Literal["file", "module", "timm", "hf", "tv", "exported", "weights"]

FORMS = "file.py:name, package.module:name, timm:NAME, hf:CONFIG, tv:NAME or FILE.pt2"
_ZOO: dict[str, Source] = {"timm": "timm", "hf": "hf", "tv": "tv"}
_WEIGHTS = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A parsed target: `where` is the file, module or name to look up, `name` what is in it."""

    source: Source
    where: str
    name: str = ""


def parse(text: str) -> Spec:
    """The parts of a target string."""
    text = text.strip()
    if not text:
        raise TargetError(f"the target is empty: give {FORMS}")
    scheme, _, rest = text.partition(":")
    if scheme in _ZOO:
        if not rest:
            raise TargetError(f"'{text}' names no model: write {scheme}:NAME")
        return Spec(source=_ZOO[scheme], where=rest)
    suffix = PurePath(text).suffix.lower()
    if suffix == ".pt2":
        return Spec(source="exported", where=text)
    if suffix in _WEIGHTS:
        return Spec(source="weights", where=text)
    where, colon, name = text.rpartition(":")
    if where.endswith(".py"):
        return _with_name(Spec(source="file", where=where, name=name), text)
    if text.endswith(".py"):
        return Spec(source="file", where=text)
    if colon and all(part.isidentifier() for part in where.split(".")):
        return _with_name(Spec(source="module", where=where, name=name), text)
    raise TargetError(f"'{text}' is no target{_hint(text, suffix)}; give {FORMS}")


def _with_name(spec: Spec, text: str) -> Spec:
    if not spec.name:
        return Spec(source=spec.source, where=spec.where)
    if not all(part.isidentifier() for part in spec.name.split(".")):
        raise TargetError(
            f"'{text}' is no target: '{spec.name}' after the colon is no name of a Python object"
        )
    return spec


def _hint(text: str, suffix: str) -> str:
    if suffix == ".onnx":
        return ": an ONNX file keeps no gradients"
    if suffix == ".json":
        return f": for a model's configuration write hf:{text}"
    if text.isidentifier():
        return f": a name alone does not say where the model is (did you mean timm:{text}?)"
    return ""
