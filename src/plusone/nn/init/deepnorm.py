"""DeepNorm's weights and skips for a whole post-norm transformer.

Wang et al. 2022 (arXiv 2203.00555, figure 2): values, outputs and feed-forward layers are Xavier's
draw with gain beta, queries and keys with gain 1; the skips are multiplied by alpha. Biases stay.
`nn.MultiheadAttention` is known; of other attention, `unscaled` names the queries and keys.
Parameters that are no layer's weight (a table of positions) stay too, if `unscaled` names their
module.

Test: which tensors have which standard deviation; the update is flat in depth.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.init.branches import Branch, Branches, refuse_shared
from plusone.nn.init.draws import xavier_normal
from plusone.nn.init.layers import Layer, require_known
from plusone.nn.init.report import Touched
from plusone.nn.scales.deepnorm import DeepNorm, DeepNormCoefficients


def deepnorm(
    branches: Branches,
    coefficients: DeepNormCoefficients | None,
    unscaled: tuple[str, ...],
    generator: torch.Generator | None,
) -> list[Touched]:
    """Sets alpha and draws all weights of the branches; without coefficients, those of the stack.

    Raises:
        InputError: a block is no post-norm `Residual` or has another scale, a layer is of an
            unknown kind or runs twice, or a pattern of `unscaled` matches nothing.
    """
    refuse_shared(branches, "deepnorm")
    for branch in branches.found:
        _check(branch, unscaled)
    weights = [layer for branch in branches.found for layer in branch.weights]
    for pattern in unscaled:
        if not any(fnmatchcase(layer.name, pattern) for layer in weights):
            raise InputError(
                f"deepnorm: {pattern!r} in unscaled matches no layer of a branch; the first is "
                f"{weights[0].name!r}."
            )
    chosen = coefficients or DeepNormCoefficients.of_branches(len(branches.found))
    drawn = []  # first, so that a draw that fails leaves the skips as they were
    for layer in weights:
        if layer.kind == "attention":
            drawn.extend(_attention(layer, chosen.beta, generator))
        elif layer.kind == "weight":
            gain = 1.0 if _matches(layer, unscaled) else chosen.beta
            drawn.append(xavier_normal(f"{layer.name}.weight", layer.weight, gain, generator))
    skips = []
    for branch in branches.found:
        assert branch.residual is not None
        branch.residual.join = DeepNorm(chosen.alpha)
        name = branch.path("join.alpha")
        skips.append(Touched(name=name, action="skip", factor=chosen.alpha))
    return [*skips, *drawn]


def _matches(layer: Layer, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(layer.name, pattern) for pattern in patterns)


def _check(branch: Branch, unscaled: tuple[str, ...]) -> None:
    residual = branch.residual
    if residual is None or residual.post_norm is None:
        raise InputError(
            f"deepnorm multiplies the skip in front of a post-norm, and {branch.label} "
            "is no plusone.nn.Residual(placement='post', norm=...)."
        )
    if not isinstance(residual.join, (DeepNorm, type(None))):
        raise InputError(
            f"deepnorm sets the scale of {branch.label}, which has "
            f"{type(residual.join).__name__}; build it with scale=None."
        )
    for layer in branch.weights:
        is_left = layer.kind == "other" and _matches(layer, unscaled)
        if layer.kind != "attention" and not is_left:
            require_known(layer, "deepnorm")


def _attention(layer: Layer, beta: float, generator: torch.Generator | None) -> list[Touched]:
    """Queries, keys and values of nn.MultiheadAttention; its output layer is a layer of its own."""
    module = layer.module
    assert isinstance(module, nn.MultiheadAttention)
    packed: Tensor | None = module.in_proj_weight
    parts = (
        packed.detach().chunk(3)
        if packed is not None
        else (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
    )
    names = ("query", "key", "value")
    gains = (1.0, 1.0, beta)
    return [
        xavier_normal(f"{layer.name}.{name}", part, gain, generator)
        for name, part, gain in zip(names, parts, gains, strict=True)
    ]
