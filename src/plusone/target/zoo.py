"""Models of timm and torchvision by name, with random weights: nothing is downloaded."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from plusone.errors import TargetError
from plusone.target.built import Built, build_on
from plusone.target.extras import import_extra
from plusone.target.suggest import did_you_mean

NUM_SAMPLES = 4


def build_timm(name: str, *, device: str) -> Built:
    """A timm model and a batch of the image size that it was designed for."""
    timm = import_extra("timm", extra="zoo")
    plain = name.partition(".")[0]  # a tag such as .a1_in1k names weights
    if not timm.is_model(plain):
        hint = did_you_mean(plain, timm.list_models(), otherwise="; see timm.list_models()")
        raise TargetError(f"timm has no model '{name}'{hint}")
    model, notes = build_on(device, lambda: timm.create_model(plain, pretrained=False))
    size = tuple(model.pretrained_cfg.get("input_size", (3, 224, 224)))
    return Built(model=model, inputs=torch.randn(NUM_SAMPLES, *size), notes=notes)


def build_torchvision(name: str, *, device: str) -> Built:
    """A torchvision model and a batch of pictures, or of clips for a video model."""
    torchvision = import_extra("torchvision", extra="zoo")
    models: Any = torchvision.models
    if name not in models.list_models():
        hint = did_you_mean(name, models.list_models(), otherwise="; see list_models()")
        raise TargetError(f"torchvision.models has no model '{name}'{hint}")
    builder = models.get_model_builder(name)
    _refuse_unusable(name, builder.__module__)
    arguments = _without_weights(builder)
    model, notes = build_on(device, lambda: builder(**arguments))
    return Built(model=model, inputs=_batch(name, builder.__module__), notes=notes)


def _refuse_unusable(name: str, module: str) -> None:
    if ".detection" in module:
        raise TargetError(
            f"tv:{name} is a detector, whose output is a list of boxes: "
            "give its backbone, or a function that returns (model, inputs, targets, loss_fn)"
        )
    if ".quantization" in module:
        raise TargetError(f"tv:{name} is quantised, so no gradient flows through it")


def _without_weights(builder: Any) -> dict[str, object]:
    """Arguments that keep a builder from downloading."""
    known = inspect.signature(builder).parameters
    arguments: dict[str, object] = {"weights": None}
    if "weights_backbone" in known:
        arguments["weights_backbone"] = None
    if builder.__name__ in ("googlenet", "inception_v3"):  # they warn unless told
        arguments["init_weights"] = True
    return arguments


def _batch(name: str, module: str) -> torch.Tensor:
    if ".video" in module:
        side = 224 if name.startswith("mvit") else 112
        return torch.randn(2, 3, 16, side, side)
    side = 299 if name == "inception_v3" else 224
    return torch.randn(NUM_SAMPLES, 3, side, side)
