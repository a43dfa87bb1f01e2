"""From a target string to a subject."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.utils import _pytree as pytree

from plusone.errors import InputError
from plusone.target.built import Built
from plusone.target.call import Call, call_of
from plusone.target.exported import FROZEN_MODE, load_exported
from plusone.target.factory import build_user
from plusone.target.huggingface import build_hf
from plusone.target.inputs import draw_inputs, read_inputs
from plusone.target.losses import named_loss
from plusone.target.models import as_model
from plusone.target.options import TargetOptions
from plusone.target.spec import Spec, parse
from plusone.target.subject import Subject, subject_of
from plusone.target.torchvision import make_importable
from plusone.target.weights import refuse_weights
from plusone.target.zoo import build_timm, build_torchvision

_DEFAULTS = TargetOptions()


def resolve(spec: str, options: TargetOptions = _DEFAULTS) -> Subject:
    """The subject that a target string names; the global random state is left as it was.

    Only what the string names is imported or loaded, and files of pickles are read as tensors
    or not at all.
    """
    parsed = parse(spec)
    make_importable()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        built = _with_options(_build(parsed, options.device), options)
    inputs = built.inputs
    if options.device == "meta":
        inputs = _on_meta(built)
    subject = subject_of(built.model, inputs, built.targets, built.loss_fn, name=spec)
    return replace(subject, notes=built.notes)


def _build(spec: Spec, device: str) -> Built:
    match spec.source:
        case "file" | "module":
            return build_user(spec, device=device)
        case "timm":
            return build_timm(spec.where, device=device)
        case "tv":
            return build_torchvision(spec.where, device=device)
        case "hf":
            return build_hf(spec.where, device=device)
        case "exported":
            model, call = load_exported(spec.where)
            return Built(model=model, inputs=call, notes=(FROZEN_MODE,))
        case "weights":
            refuse_weights(spec.where)


def _with_options(built: Built, options: TargetOptions) -> Built:
    if options.inputs or options.inputs_file is not None:
        built = _with_inputs(built, options)
    if options.loss == "none":
        return replace(built, targets=None, loss_fn=None)
    if options.loss is not None:
        return replace(built, loss_fn=named_loss(options.loss, seed=options.seed))
    return built


def _with_inputs(built: Built, options: TargetOptions) -> Built:
    """Replaces the inputs; the target's own targets no longer belong to them and go, too."""
    if options.inputs and options.inputs_file is not None:
        raise InputError("--input and --inputs both give the inputs: use one of them")
    if options.inputs_file is not None:
        inputs = read_inputs(options.inputs_file)
    else:
        generator = torch.Generator().manual_seed(options.seed)
        model = as_model(built.model)
        inputs = draw_inputs(options.inputs, model, generator=generator)
    if built.targets is None:
        return replace(built, inputs=inputs)
    note = "the target's own targets and loss were left out: they belong to its own inputs"
    notes = (*built.notes, note)
    return replace(built, inputs=inputs, targets=None, loss_fn=None, notes=notes)


def _on_meta(built: Built) -> object:
    """The inputs on the meta device, where the whole model is there."""
    model = as_model(built.model)
    tensors = [*model.parameters(), *model.buffers()]
    if not tensors or not all(tensor.is_meta for tensor in tensors):
        return built.inputs
    if built.inputs is None:
        return None
    call = call_of(built.inputs)
    args, kwargs = pytree.tree_map_only(
        torch.Tensor, lambda tensor: tensor.to("meta"), (call.args, call.kwargs)
    )
    return Call(args=args, kwargs=kwargs)
