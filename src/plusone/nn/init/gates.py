"""ReZero and SkipInit for a whole model: each block gets a learned scalar that starts at 0."""

from __future__ import annotations

from torch import nn

from plusone.errors import InputError
from plusone.nn.init.branches import Branches
from plusone.nn.init.report import Touched
from plusone.nn.scales.rezero import ReZero
from plusone.nn.scales.skipinit import SkipInit


def gates(branches: Branches, method: str) -> list[Touched]:
    """Alpha at 0 in every `Residual`; one without a scale gets a new parameter.

    So call it before the optimiser is made.

    Raises:
        InputError: a block is no `Residual`, or has a scale of another kind.
    """
    for branch in branches.found:
        if branch.residual is None:
            raise InputError(
                f"{method} needs blocks whose sum can be scaled, and {branch.label} is no "
                "plusone.nn.Residual; method='zero_last' gives the same start to any model."
            )
        if not isinstance(branch.residual.join, (ReZero, type(None))):
            raise InputError(
                f"{method} sets the scale of {branch.label}, which has "
                f"{type(branch.residual.join).__name__}; build it with scale=None."
            )
    touched = []
    for branch in branches.found:
        residual = branch.residual
        assert residual is not None
        gate = residual.join
        if not isinstance(gate, ReZero):
            gate = SkipInit() if method == "skipinit" else ReZero()
            residual.join = gate.to(next(residual.branch.parameters()))
        nn.init.zeros_(gate.alpha)
        if isinstance(gate, SkipInit):
            gate.start = 0.0
        touched.append(Touched(name=branch.path("join.alpha"), action="zero", factor=0.0))
    return touched
