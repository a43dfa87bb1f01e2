"""Fixup: training without normalisation by scaling the branches' inner layers with depth.

Zhang, Dauphin and Ma 2019 (arXiv 1901.09321, section 3.2). With L branches of m weight layers each:
(1) the classifier and the last layer of each branch are zero; (2) the other layers of a branch are
He's draw times L^(-1/(2m - 2)). Then one step of size eta changes the output by Theta(eta) at any
depth. Rule 3's scalars are modules: `FixupScale` and `ScalarBias`. Biases are zero.

Test: the ratio of standard deviations; the update is flat for L = 1 to 256, and grows a
hundredfold without the factor.
"""

from __future__ import annotations

import torch

from plusone.errors import InputError
from plusone.nn.init.branches import Branch, Branches
from plusone.nn.init.draws import he_normal, zeroed, zeroed_bias
from plusone.nn.init.layers import Layer, require_known
from plusone.nn.init.report import Touched


def fixup(branches: Branches, generator: torch.Generator | None) -> list[Touched]:
    """Rules 1 and 2. Layers outside of branches, but for the classifier, stay as they are.

    Raises:
        InputError: a branch has a norm, attention or a layer of unknown fan-in.
    """
    for branch in branches.found:
        _check(branch)
    touched = []
    for branch in branches.found:
        touched.extend(_branch(branch, len(branches.found), generator))
    return touched if branches.head is None else [*touched, *zeroed(branches.head)]


def _branch(branch: Branch, num_branches: int, generator: torch.Generator | None) -> list[Touched]:
    count = len(branch.weights)
    touched = []
    for layer in branch.weights:
        if layer in branch.last or count == 1:
            touched.extend(zeroed(layer))
        else:
            factor = num_branches ** (-1 / (2 * count - 2))
            touched.append(he_normal(layer, factor, generator))
            touched.extend(zeroed_bias(layer))
    return touched


def _check(branch: Branch) -> None:
    for layer in branch.layers:
        if layer.kind == "weight":
            require_known(layer, "fixup")
        elif layer.kind == "attention" or _is_norm(layer):
            raise InputError(
                f"fixup is for branches of linear layers and convolutions without a norm; "
                f"{layer.name} is {type(layer.module).__name__}. Take the norms out, or use "
                "method='zero_last'."
            )
    residual = branch.residual
    norm = residual and (residual.pre_norm or residual.post_norm or residual.branch_norm)
    if norm is not None:
        raise InputError(
            f"fixup is for nets without a norm, and {branch.name or 'the block'} has "
            f"{type(norm).__name__}; build it with norm=None, or use method='zero_last'."
        )


def _is_norm(layer: Layer) -> bool:
    """A vector that multiplies, one number a channel; scalars are Fixup's own."""
    return layer.kind == "vector" and any(p.numel() > 1 for p in layer.module.parameters(False))
