"""GPT-2's initialisation: every weight N(0, 0.02^2), the last of each branch times 1/sqrt(B).

Radford et al. 2019 ("Language models are unsupervised multitask learners", section 2.3), B being
the number of residual branches, two a layer. The stream's second moment is then about what one
branch with unscaled last layer would add, at any depth.

Test: the standard deviations; second moment over 200 blocks.
"""

from __future__ import annotations

import torch
from torch import nn

from plusone.errors import InputError
from plusone.nn.init.branches import Branches, refuse_shared
from plusone.nn.init.draws import normal, normal_of, zeroed_bias
from plusone.nn.init.layers import Layer
from plusone.nn.init.report import Touched

STD = 0.02


def gpt2(model: nn.Module, branches: Branches, generator: torch.Generator | None) -> list[Touched]:
    """All linear layers, convolutions, packed attention and embeddings; biases zero, norms stay.

    An embedding's padding row is zero. Parameters that are no layer's weight, such as tables of
    positions, stay as they are.

    Raises:
        InputError: a branch has no last linear map, or a layer of branches runs twice.
    """
    refuse_shared(branches, "gpt2")
    for branch in branches.found:
        if not branch.last or any(layer.kind in ("other", "attention") for layer in branch.last):
            raise InputError(
                f"gpt2 scales the last linear layer of each branch, and {branch.label} does not "
                "end in one, or ends in a norm, which would undo it."
            )
    factor = len(branches.found) ** -0.5
    last = {layer.module for branch in branches.found for layer in branch.last}
    inside = [layer for branch in branches.found for layer in branch.weights]
    touched = []
    for layer in (*inside, *branches.others):
        if layer.kind == "attention":
            touched.extend(_attention(layer, generator))
        elif layer.kind == "weight":
            scale = factor if layer.module in last else 1.0
            touched.append(normal(layer, STD, scale, generator))
            touched.extend(zeroed_bias(layer))
    for name, module in model.named_modules():
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
            touched.append(normal_of(f"{name}.weight", module.weight, STD, 1.0, generator))
            if module.padding_idx is not None:
                nn.init.zeros_(module.weight[module.padding_idx])
    return touched


def _attention(layer: Layer, generator: torch.Generator | None) -> list[Touched]:
    """The projections of nn.MultiheadAttention; its output layer is a layer of its own."""
    touched = []
    for name, parameter in layer.module.named_parameters(recurse=False):
        if parameter.dim() > 1:
            touched.append(normal_of(f"{layer.name}.{name}", parameter, STD, 1.0, generator))
        else:
            nn.init.zeros_(parameter)
            touched.append(Touched(name=f"{layer.name}.{name}", action="zero", factor=0.0))
    return touched
