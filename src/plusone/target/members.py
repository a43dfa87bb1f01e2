"""The modules and parameters of a model by name, several times faster than torch's generators.

A scan asks for them a dozen times; `nn.Module.named_parameters` resumes a generator for each level
of nesting, which is 1 ms a call on a ResNet-50.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn


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
    return list(_tensors_of(model, "_parameters"))


def buffers_of(model: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """What `model.named_buffers()` gives: each buffer once, under its first name."""
    return list(_tensors_of(model, "_buffers"))


def _tensors_of(model: nn.Module, kind: str) -> Iterator[tuple[str, torch.Tensor]]:
    seen: set[int] = set()
    for path, module in modules_of(model):
        prefix = f"{path}." if path else ""
        for name, tensor in getattr(module, kind).items():
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                yield prefix + name, tensor
