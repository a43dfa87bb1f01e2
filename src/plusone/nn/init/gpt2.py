"""GPT-2's initialisation: every weight N(0, 0.02^2), the last of each branch times 1/sqrt(B).

Radford et al. 2019 ("Language models are unsupervised multitask learners", section 2.3), B being
the number of residual branches, two a layer. The stream's second moment is then about what one
branch with unscaled last layer would add, at any depth.

Test: the standard deviations; second moment over 200 blocks.
"""

from __future__ import annotations

import torch
from torch import nn

from plusone.nn.init.branches import Branches
from plusone.nn.init.draws import normal, zeroed_bias
from plusone.nn.init.report import Touched

STD = 0.02


def gpt2(model: nn.Module, branches: Branches, generator: torch.Generator | None) -> list[Touched]:
    """All linear layers, convolutions, packed attention and embeddings; biases zero, norms stay."""
    factor = len(branches.found) ** -0.5
    last = {layer.module for branch in branches.found for layer in branch.last}
    touched = []
    inside = [layer for branch in branches.found for layer in branch.weights]
    for layer in (*inside, *branches.others):
        if layer.kind == "attention":
            assert isinstance(layer.module, nn.MultiheadAttention)
            for name, parameter in layer.module.named_parameters(recurse=False):
                if parameter.dim() > 1:
                    nn.init.normal_(parameter, std=STD, generator=generator)
                    touched.append(
                        Touched(
                            name=f"{layer.name}.{name}", action=f"normal, std {STD:g}", factor=1
                        )
                    )
        elif layer.kind == "weight":
            scale = factor if layer.module in last else 1.0
            touched.append(normal(layer, STD, scale, generator))
            touched.extend(zeroed_bias(layer))
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=STD, generator=generator)
            touched.append(Touched(name=f"{name}.weight", action=f"normal, std {STD:g}", factor=1))
    return touched
