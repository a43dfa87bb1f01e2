"""Fixup: training without normalisation by scaling the branches' inner layers with depth.

Zhang, Dauphin and Ma 2019 (arXiv 1901.09321, section 3.2). With L branches of m weight layers each:
(1) the classifier and the last layer of each branch are zero; (2) the other layers of a branch are
He's draw times L^(-1/(2m - 2)). Then one step of size eta changes the output by Theta(eta) at any
depth. Rule 3's scalars are modules: `FixupScale` and `ScalarBias`. Biases are zero. Of a branch
with one weight layer that one is zero. The theory is of weights: the biases of all last layers have
one gradient, so that their part of a step grows as L (the authors' code gives scalars a tenth of
the rate).

Test: the ratio of standard deviations; the update is flat for L = 1 to 256, and grows a
hundredfold without the factor.
"""

from __future__ import annotations

import torch

from plusone.errors import InputError
from plusone.nn.init.branches import Branch, Branches, refuse_shared
from plusone.nn.init.draws import he_normal, zeroed, zeroed_bias
from plusone.nn.init.layers import Layer, require_known
from plusone.nn.init.report import Touched


def fixup(branches: Branches, generator: torch.Generator | None) -> list[Touched]:
    """Rules 1 and 2. Layers outside of branches, but for the classifier, stay as they are.

    Raises:
        InputError: a branch has a norm, attention, a layer of unknown fan-in or one that runs
            twice, or several layers are registered behind the branches.
    """
    refuse_shared(branches, "fixup")
    for branch in branches.found:
        _check(branch)
    if len(branches.heads) > 1:
        names = ", ".join(layer.name for layer in branches.heads)
        raise InputError(
            f"fixup sets the classifier to zero, and {names} are all registered behind the "
            "branches; give inputs=, and the one that runs last is taken."
        )
    touched = []
    for branch in branches.found:
        touched.extend(_branch(branch, len(branches.found), generator))
    for head in branches.heads:
        touched.extend(zeroed(head))
    return touched


def _branch(branch: Branch, num_branches: int, generator: torch.Generator | None) -> list[Touched]:
    last = {layer.module for layer in branch.last}
    inner = [layer for layer in branch.weights if layer.module not in last]
    touched = []
    for layer in inner:
        factor = num_branches ** (-1 / (2 * len(branch.weights) - 2))
        touched.append(he_normal(layer, factor, generator))
        touched.extend(zeroed_bias(layer))
    return [*touched, *(t for layer in branch.last for t in zeroed(layer))]


def _check(branch: Branch) -> None:
    for layer in branch.layers:
        if layer.kind == "attention" or _is_norm(layer):
            raise InputError(
                f"fixup is for branches of linear layers and convolutions without a norm; "
                f"{layer.name} is {type(layer.module).__name__}. Take the norms out, or use "
                "method='zero_last'."
            )
        if layer.kind != "vector":
            require_known(layer, "fixup")
    residual = branch.residual
    norm = residual and (residual.pre_norm or residual.post_norm or residual.branch_norm)
    if norm is not None:
        raise InputError(
            f"fixup is for nets without a norm, and {branch.label} has {type(norm).__name__}; "
            "build it with norm=None, or use method='zero_last'."
        )
    if branch.norm_before:
        raise InputError(
            f"fixup is for nets without a norm, and the stream passes {branch.norm_before} before "
            f"{branch.label}; take the norms out, or use method='zero_last'."
        )
    if not (branch.last and branch.last_learns):
        raise InputError(
            f"fixup sets the last layer of each branch to zero, and the end of {branch.label} is "
            "none: what is behind its weights is not zero where they are, or flat there as a ReLU."
        )


def _is_norm(layer: Layer) -> bool:
    """A vector that multiplies, one number a channel; scalars are Fixup's own."""
    parameters = dict(layer.module.named_parameters(recurse=False))
    return layer.kind == "vector" and any(parameters[name].numel() > 1 for name in layer.own)
