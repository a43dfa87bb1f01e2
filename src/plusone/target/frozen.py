"""What of a model will not learn, because its parameters are frozen."""

from __future__ import annotations

import torch
from torch import nn

from plusone.target.members import parameters_of

MOST_NAMES = 3


def frozen_note(model: nn.Module) -> str:
    """How many parameters are frozen and which, in one sentence; "" where all can learn.

    Whole numbers, as quantised weights hold them, never learn and are not counted.
    """
    held = [p for _, p in parameters_of(model) if _can_learn(p)]
    frozen = [p for p in held if not p.requires_grad]
    if not frozen:
        return ""
    total = sum(p.numel() for p in held)
    if len(frozen) == len(held):
        return (
            f"all {total:,} parameters are frozen (requires_grad is False): as it is, the model "
            "cannot train, and the verdict is about what passes through it"
        )
    stuck, free = _places(model, learns=False), _places(model, learns=True)
    names = f"what learns: {_listed(free)}"
    if len(stuck) < len(free):
        names = f"what is frozen: {_listed(stuck)}"
    return (
        f"{sum(p.numel() for p in frozen):,} of {total:,} parameters are frozen (requires_grad is "
        f"False) and will not learn; {names}"
    )


def _can_learn(parameter: torch.Tensor) -> bool:
    return parameter.is_floating_point() or parameter.is_complex()


def _places(model: nn.Module, *, learns: bool) -> list[str]:
    """The parameters that learn (or do not); in place of all that a module holds, its path."""

    def visit(path: str, module: nn.Module) -> list[str]:
        inside = [p for _, p in parameters_of(module) if _can_learn(p)]
        if inside and all(p.requires_grad == learns for p in inside):
            return [path]
        prefix = f"{path}." if path else ""
        found = [
            prefix + name
            for name, p in module._parameters.items()
            if p is not None and _can_learn(p) and p.requires_grad == learns
        ]
        for name, child in module.named_children():
            found += visit(prefix + name, child)
        return found

    return visit("", model)


def _listed(paths: list[str]) -> str:
    more = len(paths) - MOST_NAMES
    if more <= 0:
        return ", ".join(paths)
    return f"{', '.join(paths[:MOST_NAMES])} and {more:,} more"
