"""The modules and parameters of a model by name, several times faster than torch's generators.

A scan asks for them a dozen times; `nn.Module.named_parameters` resumes a generator for each level
of nesting, which is 1 ms a call on a ResNet-50.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

Modules = Sequence[tuple[str, nn.Module]]


def modules_of(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """What `model.named_modules()` gives: each module once, under its first path."""
    found: list[tuple[str, nn.Module]] = []
    seen: set[int] = set()

    def visit(path: str, module: nn.Module) -> None:
        if id(module) in seen:
            return
        seen.add(id(module))
        found.append((path, module))
        prefix = f"{path}." if path else ""
        for name, child in module._modules.items():
            if child is not None:
                visit(prefix + name, child)

    visit("", model)
    return found


def parameters_of(model: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """What `model.named_parameters()` gives: each parameter once, under its first name."""
    return parameters_in(modules_of(model))


def parameters_in(modules: Modules) -> list[tuple[str, torch.Tensor]]:
    """The same of modules that are known already."""
    return _tensors_in(modules, "_parameters")


def tensors_of(model: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Parameters and buffers: what `named_parameters()` and then `named_buffers()` give."""
    modules = modules_of(model)
    return [*parameters_in(modules), *_tensors_in(modules, "_buffers")]


def _tensors_in(modules: Modules, kind: str) -> list[tuple[str, torch.Tensor]]:
    found: dict[int, tuple[str, torch.Tensor]] = {}
    for path, module in modules:
        held = getattr(module, kind)
        if held:
            prefix = f"{path}." if path else ""
            for name, tensor in held.items():
                if tensor is not None:
                    found.setdefault(id(tensor), (prefix + name, tensor))
    return list(found.values())
