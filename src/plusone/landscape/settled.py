"""Make the loss a function of the parameters that can be differentiated twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm

from plusone.target.members import modules_of

Statistics = Literal["batch", "running"]


def settle(model: nn.Module, statistics: Statistics) -> str:
    """Puts the model, inside a sandbox, in the mode of its landscape; says in words in which.

    Eval mode, so that dropout is off; batch norms normalise by the batch at hand and leave their
    running statistics alone. Away from where the model stands, running statistics are those of
    another net: they hide what happens in the plane, and inflate losses to 1e5.
    """
    model.eval()
    norms = [m for _, m in modules_of(model) if isinstance(m, _BatchNorm)]
    if statistics == "running" or not norms:
        return "eval mode" + (", running statistics" if norms else "")
    for module in norms:
        module.training = True
        module.track_running_stats = False
    return "eval mode, batch norms with the statistics of the batch"


@contextmanager
def twice_differentiable(model: nn.Module) -> Iterator[None]:
    """A context without the fused kernels whose backward cannot be differentiated.

    Flash and memory-efficient attention have none, nor have the recurrent layers of cuDNN and
    oneDNN.
    """
    with ExitStack() as stack:
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        if any(isinstance(module, nn.RNNBase) for _, module in modules_of(model)):
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        yield
