"""Does a freshly built block return its input?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.testing.running import output_of


def assert_identity_at_init(
    module: nn.Module, *inputs: object, expected: Tensor | None = None, atol: float = 0.0
) -> None:
    """Raise AssertionError unless `module(*inputs)` equals its first input, bit by bit by default.

    `expected` stands in for the first input where a block promises something else at its start: a
    projected skip, a norm of the input. `atol` is in units of the output. The module runs in the
    mode, train or eval, that it is in.
    """
    target = inputs[0] if expected is None else expected
    assert isinstance(target, Tensor), "The first input is no tensor: say what is `expected`."
    target = target.detach()
    flat = target.reshape(-1)
    assert bool((flat != flat[:1]).any()), (
        "The input is constant, and any block may return it: give one that varies."
    )
    with torch.no_grad():
        output = output_of(module, inputs)
    assert output.shape == target.shape, (
        f"The output has shape {tuple(output.shape)}, the input {tuple(target.shape)}."
    )
    difference = (output - target).abs()
    worst = float(difference.nan_to_num(nan=float("inf")).max())
    share = float((difference > atol).float().mean())
    assert worst <= atol, (
        f"{type(module).__name__} is not the identity at initialisation: its output differs by up "
        f"to {worst:.3g} (allowed {atol:.3g}) in {share:.0%} of the elements. Is the last layer of "
        "the branch, or its gain, zero?"
    )
