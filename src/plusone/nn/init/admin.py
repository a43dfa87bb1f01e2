"""Admin's profile: omega of each block from the variances of the branches before it.

See `plusone.nn.scales.admin`. One forward with omega = 1 gives Var[f_j] of all branches; it needs
inputs. Each omega is then the root of the stream's variance and the sum of those before.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.init.branches import Branch, Branches
from plusone.nn.init.report import Touched
from plusone.nn.scales.admin import AdminScale


def admin(model: nn.Module, branches: Branches, inputs: object) -> list[Touched]:
    """Measures the variances and sets every omega.

    Raises:
        InputError: there are no inputs, or a block has no `AdminScale` before a post-norm.
    """
    if inputs is None:
        raise InputError("admin measures the variance of each branch: give inputs=.")
    scales = [_scale(branch) for branch in branches.found]
    for scale in scales:
        nn.init.ones_(scale.omega)
    variances = _variances(model, scales, inputs)
    touched = []
    total = None
    for branch, scale in sorted(
        zip(branches.found, scales, strict=True), key=lambda pair: list(variances).index(pair[1])
    ):
        stream, of_branch = variances[scale]
        total = stream if total is None else total
        omega = math.sqrt(total)
        nn.init.constant_(scale.omega, omega)
        total += of_branch
        name = f"{branch.name}.join.omega" if branch.name else "join.omega"
        touched.append(Touched(name=name, action="ones", factor=omega))
    return touched


def _scale(branch: Branch) -> AdminScale:
    residual = branch.residual
    if residual is None or residual.post_norm is None or not isinstance(residual.join, AdminScale):
        raise InputError(
            f"admin scales the skip in front of a post-norm, and {branch.name or 'the block'} is "
            "no plusone.nn.Residual(placement='post', norm=..., scale=AdminScale(channels))."
        )
    return residual.join


def _variances(
    model: nn.Module, scales: list[AdminScale], inputs: object
) -> dict[AdminScale, tuple[float, float]]:
    """Of skip and branch at each join, in the order of calls."""
    from plusone.capture.sandbox import sandbox
    from plusone.target.subject import subject_of

    subject = subject_of(model, inputs)
    found: dict[AdminScale, tuple[float, float]] = {}

    def note(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        assert isinstance(module, AdminScale)
        found[module] = (float(args[0].double().var()), float(args[1].double().var()))

    with sandbox(subject.model):
        subject.model.eval()
        handles = [scale.register_forward_pre_hook(note) for scale in scales]
        try:
            with torch.no_grad():
                subject.model(*subject.args, **subject.kwargs)
        finally:
            for handle in handles:
                handle.remove()
    missing = sum(scale not in found for scale in scales)
    if missing:
        raise InputError(
            f"admin: {missing} of {len(scales)} blocks were not called on these inputs, so their "
            "variance is not known."
        )
    return found
