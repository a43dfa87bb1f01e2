"""What can be done to a model, one kind of edit a class: a record that JSON holds."""

from __future__ import annotations

from plusone.fix.edits.branches import NormFirst, ScaleBranch, ScaleWeights
from plusone.fix.edits.bypasses import CancelSkip, CloseSkip
from plusone.fix.edits.edit import Edit
from plusone.fix.edits.memory import Recall, Remember
from plusone.fix.edits.skips import InsertSkip, WrapInSkip
from plusone.fix.edits.starts import DrawWeights

KINDS: dict[str, type[Edit]] = {
    kind.__name__: kind
    for kind in (
        InsertSkip,
        WrapInSkip,
        ScaleBranch,
        ScaleWeights,
        NormFirst,
        DrawWeights,
        Remember,
        Recall,
        CloseSkip,
        CancelSkip,
    )
}

__all__ = [
    "KINDS",
    "CancelSkip",
    "CloseSkip",
    "DrawWeights",
    "Edit",
    "InsertSkip",
    "NormFirst",
    "Recall",
    "Remember",
    "ScaleBranch",
    "ScaleWeights",
    "WrapInSkip",
]
