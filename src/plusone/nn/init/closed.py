"""Are the branches zero now, and can they leave zero? One forward tells, where wrappers show where
branches end.

Layers are zeroed by their order; what a branch does behind its last layer (a sigmoid, a ReLU, a sum
with its input) is seen by running it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.capture.sandbox import sandbox
from plusone.errors import InputError
from plusone.nn.init.branches import Branch, Branches
from plusone.target.subject import subject_of


def require_closed(model: nn.Module, branches: Branches, inputs: object, method: str) -> None:
    """InputError, naming the block, if a wrapped branch is not zero or its last layer gets no
    gradient."""
    subject = subject_of(model, inputs)
    found: list[str] = []

    def watch(branch: Branch, end: nn.Module) -> None:
        layers = branch.closing if method == "zero_last" else branch.last
        parameters = [
            parameter
            for layer in layers
            for parameter in layer.module.parameters(recurse=False)
            if parameter.requires_grad
        ]

        def note(_: nn.Module, __: object, output: object) -> None:
            first = output[0] if isinstance(output, tuple) else output
            if not isinstance(first, Tensor):
                return
            if first.any():
                found.append(f"the branch of {branch.label} is not zero even so")
            elif parameters and not _gets_a_gradient(first, parameters):
                found.append(f"in {branch.label} that layer gets no gradient")

        end.register_forward_hook(note)

    with sandbox(subject.model):
        for branch in branches.found:
            if branch.residual is not None:
                branch.residual.branch.register_forward_pre_hook(_cut)
                watch(branch, branch.residual.branch_norm or branch.residual.branch)
        subject.model(*subject.args, **subject.kwargs)
    if found:
        raise InputError(
            f"{method} set the last layer of each branch to zero, and {found[0]}: what follows it "
            "gives something else for zeros, or is flat there. Nothing was changed."
        )


def _cut(_: nn.Module, args: tuple[object, ...]) -> tuple[object, ...]:
    """The branch's inputs without what was computed before: its own graph is all that is asked."""
    return tuple(a.detach() if isinstance(a, Tensor) else a for a in args)


def _gets_a_gradient(output: Tensor, parameters: list[nn.Parameter]) -> bool:
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(output.shape, generator=generator).to(output)
    if not output.requires_grad:
        return False
    gradients = torch.autograd.grad(
        output, parameters, weights, retain_graph=True, allow_unused=True
    )
    return any(g is not None and bool(g.any()) for g in gradients)
