"""Admin's profile: omega of each block from the variances of the branches before it.

See `plusone.nn.scales.admin`. One forward with omega = 1 gives Var[f_j] of all branches; it needs
inputs. Each omega then makes the skip's variance that of a pre-norm stream at the same place, the
sum of the first input's and of the branches' before. The chain follows the order of calls, so an
encoder and a decoder are initialised one by one, each on its own inputs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.init.branches import Branch, Branches, refuse_shared
from plusone.nn.init.report import Touched
from plusone.nn.scales.admin import AdminScale


def admin(model: nn.Module, branches: Branches, inputs: object) -> list[Touched]:
    """Measures the variances and sets every omega.

    Raises:
        InputError: there are no inputs, a block has no `AdminScale` of its own before a post-norm
            or runs twice, or a variance is zero or not finite.
    """
    if inputs is None:
        raise InputError("admin measures the variance of each branch: give inputs=.")
    refuse_shared(branches, "admin")
    blocks = {_scale(branch): branch for branch in branches.found}
    if len(blocks) < len(branches.found):
        raise InputError(
            f"admin sets one omega a block, and {len(branches.found)} blocks share {len(blocks)} "
            "AdminScale modules."
        )
    omegas = {}
    total = None
    for scale, (of_skip, of_branch) in _variances(model, blocks, inputs).items():
        total = of_skip if total is None else total
        omegas[scale] = math.sqrt(total / of_skip)
        total += of_branch
    for scale, omega in omegas.items():
        nn.init.constant_(scale.omega, omega)
    return [
        Touched(name=blocks[scale].path("join.omega"), action="ones", factor=omega)
        for scale, omega in omegas.items()
    ]


def _scale(branch: Branch) -> AdminScale:
    residual = branch.residual
    if residual is None or residual.post_norm is None or not isinstance(residual.join, AdminScale):
        raise InputError(
            f"admin scales the skip in front of a post-norm, and {branch.label} is no "
            "plusone.nn.Residual(placement='post', norm=..., scale=AdminScale(channels))."
        )
    return residual.join


def _variances(
    model: nn.Module, blocks: dict[AdminScale, Branch], inputs: object
) -> dict[AdminScale, tuple[float, float]]:
    """Of skip and branch at each join with omega = 1, in the order of calls."""
    from plusone.capture.sandbox import sandbox
    from plusone.target.subject import subject_of

    subject = subject_of(model, inputs)
    found: dict[AdminScale, tuple[float, float]] = {}

    def note(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        assert isinstance(module, AdminScale)
        found[module] = (float(args[0].double().var()), float(args[1].double().var()))

    with sandbox(subject.model) as box, torch.no_grad():
        box.save_all()
        subject.model.eval()
        for scale in blocks:
            nn.init.ones_(scale.omega)
            scale.register_forward_pre_hook(note)
        subject.model(*subject.args, **subject.kwargs)
    for scale, branch in blocks.items():
        if not all(0 < variance < math.inf for variance in found[scale]):
            raise InputError(
                f"admin: at {branch.label} the variances of skip and branch are "
                f"{found[scale][0]:.3g} and {found[scale][1]:.3g}; they must be finite and not 0."
            )
    return found
