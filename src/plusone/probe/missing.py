"""Why a gradient could not be measured, or no blocks be found, in words that say what to do."""

from __future__ import annotations

import re

from torch import nn

from plusone.capture.trace import Trace
from plusone.errors import PlusoneError
from plusone.target.members import modules_of


def why_none(error: PlusoneError | RuntimeError) -> str:
    """What an error before or in the backward means, and what to do about it."""
    if isinstance(error, PlusoneError):
        return str(error)
    what = " ".join(str(error).split())
    if "use_reentrant" in what:
        return (
            "torch.utils.checkpoint with use_reentrant=True hides its inside from autograd.grad; "
            "call it with use_reentrant=False"
        )
    if "modified by an inplace operation" in what:
        made = re.search(r"output \d+ of (\w+)", what)
        by = f" (made by {made[1]})" if made else ""
        return (
            f"the forward writes in place into a value{by} that the backward needs, so training "
            "raises too; write x = x + f(x) instead of x += f(x)"
        )
    return f"the backward raised {type(error).__name__}: {what.partition(' Hint:')[0][:200]}"


def why_no_blocks(model: nn.Module, trace: Trace) -> str:
    """Why a model has no block between its input and its output."""
    if any(".quantized." in type(module).__module__ for _, module in modules_of(model)):
        return "there are no blocks: quantised layers hide their weights; scan the model before"
    if not trace.outputs:
        return "there are no blocks: the output holds no floating-point numbers"
    if not _depends_on_input(trace):
        return (
            "the output does not depend on the input: it was copied on the way (numpy, item, "
            "torch.tensor), or the input is not used"
        )
    return (
        "there are no blocks: no layer with weights (linear, convolution, attention) stands "
        "between input and output"
    )


def _depends_on_input(trace: Trace) -> bool:
    stack, seen = [number for number, _ in trace.outputs], set[int]()
    while stack:
        number = stack.pop()
        if number in trace.inputs:
            return True
        if number not in seen:
            seen.add(number)
            stack.extend(parent for parent, _ in trace.ops[number].parents)
    return False
