"""Are the branches zero now? One forward tells, where the wrappers show where branches end.

Layers are zeroed by their order; what a branch does behind its last layer (a sigmoid, a sum with
its input) is seen by running it alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.capture.sandbox import sandbox
from plusone.errors import InputError
from plusone.nn.init.branches import Branches
from plusone.target.subject import subject_of


def require_closed(model: nn.Module, branches: Branches, inputs: object, method: str) -> None:
    """InputError, naming the block, if a wrapped branch returns anything but zeros."""
    subject = subject_of(model, inputs)
    open_blocks: list[str] = []
    with sandbox(subject.model), torch.no_grad():
        for branch in branches.found:
            if branch.residual is not None:
                last = branch.residual.branch_norm or branch.residual.branch

                def note(
                    _: nn.Module, __: object, output: object, name: str = branch.label
                ) -> None:
                    first = output[0] if isinstance(output, tuple) else output
                    if isinstance(first, Tensor) and bool(first.any()):
                        open_blocks.append(name)

                last.register_forward_hook(note)
        subject.model(*subject.args, **subject.kwargs)
    if open_blocks:
        raise InputError(
            f"{method} set the last layer of each branch to zero, and the branch of "
            f"{open_blocks[0]} is not zero even so: what follows that layer gives something else "
            "for zeros. Nothing was changed."
        )
