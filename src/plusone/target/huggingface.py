"""Hugging Face models from a configuration, with random weights: nothing is downloaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from plusone.errors import TargetError
from plusone.target.built import Built, build_on
from plusone.target.extras import import_extra
from plusone.target.hf_inputs import default_inputs
from plusone.target.suggest import a, did_you_mean


def build_hf(where: str, *, device: str) -> Built:
    """A model of the configuration in `where`, in float32, and inputs of the kinds it takes.

    `where` is a config.json, a folder that holds one, or a model type such as gpt2, which stands
    for its default configuration. A class that the configuration names under `architectures` is
    built; otherwise the bare model without a head.
    """
    transformers = import_extra("transformers", extra="zoo")
    config = _config(transformers, where)
    for part in (config, getattr(config, "text_config", config)):
        if getattr(part, "use_cache", False):
            part.use_cache = False  # a cache in the output carries no gradient
    model_class = _model_class(transformers, config, where)
    model, notes = build_on(device, lambda: _build(model_class, config, where))
    if device == "meta" and (
        hasattr(config, "num_local_experts") or hasattr(config, "num_experts")
    ):
        # The default kernel for experts wants bfloat16 on meta; this one takes any type.
        model.set_experts_implementation("batched_mm")
    return Built(model=model, inputs=default_inputs(model, device=device), notes=notes)


def _config(transformers: Any, where: str) -> Any:
    path = Path(where)
    if path.is_dir() or path.suffix == ".json":
        settings = _read_json(path / "config.json" if path.is_dir() else path)
        model_type = settings.pop("model_type", None)
        if not isinstance(model_type, str):
            raise TargetError(f"'{where}' names no \"model_type\", so its model class is unknown")
    else:
        model_type, settings = where, {}
    known = list(transformers.CONFIG_MAPPING.keys())
    if model_type not in known:
        raise TargetError(_unknown(model_type, where, known))
    try:
        return transformers.AutoConfig.for_model(model_type, **settings)
    except Exception as error:
        raise TargetError(
            f"'{where}' is no valid configuration of {model_type}: {error}"
        ) from error


def _unknown(model_type: str, where: str, known: list[str]) -> str:
    if "/" in where and model_type == where:
        return (
            f"there is no folder or config.json '{where}', and plusone downloads nothing: give a "
            "path to a config.json, or a model type such as hf:gpt2"
        )
    hint = did_you_mean(model_type, known, otherwise="; give a model type such as gpt2")
    return f"transformers has no model type '{model_type}'{hint}"


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise TargetError(f"there is no file '{path}'")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TargetError(f"'{path}' is no valid JSON: {error}") from error
    if not isinstance(settings, dict):
        raise TargetError(f"'{path}' holds {a(settings)}, not a configuration")
    return settings


def _model_class(transformers: Any, config: Any, where: str) -> Any:
    named = (getattr(config, "architectures", None) or [None])[0]
    if named is not None and hasattr(transformers, named):
        return getattr(transformers, named)
    try:
        found = transformers.MODEL_MAPPING[type(config)]
    except KeyError as error:
        raise TargetError(f"transformers has no plain model for hf:{where}") from error
    return found[0] if isinstance(found, tuple | list) else found


def _build(model_class: Any, config: Any, where: str) -> Any:
    before = torch.get_default_dtype()
    try:
        model = model_class(config)
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise TargetError(f"building hf:{where} raised {type(error).__name__}: {first}") from error
    finally:
        torch.set_default_dtype(before)
    return model.float()
