"""Why a model cannot be edited, in one sentence."""

from __future__ import annotations

import torch
from torch import nn

from plusone.fix.sites import Survey


def refusal(given: object, model: nn.Module) -> str:
    """The reason why no edit may be made to what was `given`; "" if edits may be made.

    `model` is the module inside, without a wrapper of torch.compile.
    """
    if hasattr(given, "_orig_mod") or getattr(model, "_compiled_call_impl", None) is not None:
        return (
            "the model is compiled, and an edit would not reach the compiled code: apply the plan "
            "to the module that you gave to torch.compile, and compile the result"
        )
    if any(isinstance(m, torch.jit.ScriptModule) for m in model.modules()):
        return (
            "the model is a script module, whose code is fixed: apply the plan to the Python model "
            "that it was scripted from"
        )
    if is_exported(model):
        return (
            "the model was exported, and its graph calls no modules that an edit could replace: "
            "apply the plan to the Python model and export it again"
        )
    held = list(model.parameters())
    if held and not any(p.requires_grad for p in held):
        return (
            "the model is frozen (no parameter requires a gradient), so nothing would learn from "
            "an edit: call requires_grad_(True) on what is to be trained"
        )
    return ""


def is_exported(model: nn.Module) -> bool:
    """Whether the model is a graph of bare operations, as torch.export gives it."""
    if not isinstance(model, torch.fx.GraphModule):
        return False
    called = [n.target for n in model.graph.nodes if n.op == "call_module"]
    inside = [p for name in called for p in model.get_submodule(str(name)).parameters()]
    return not inside and any(True for _ in model.parameters())


def shared_modules(survey: Survey) -> str:
    """What runs more than once and so takes no skip of its own, in words; "" if nothing does."""
    twice = [
        (path, count)
        for path, count in survey.calls.items()
        if count > 1 and path and any(True for _ in survey.model.get_submodule(path).parameters())
    ]
    if not twice:
        return ""
    path, count = twice[0]
    others = f" (and {len(twice) - 1} more)" if len(twice) > 1 else ""
    return f"{path}{others} runs {count} times in one forward, and a skip there would be around all"
