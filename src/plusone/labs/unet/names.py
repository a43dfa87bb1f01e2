"""The arms' names, which the pictures look up."""

from __future__ import annotations

from plusone.labs.base import Runs

DEEPEST = 4
WIDE, REPAIRED = "none, 2.2 times the parameters", "none, repaired by plusone.fix"
LONGER = f"none, {DEEPEST} levels, five times the steps"
ENCODER_DECODER, ITS_REPAIR = "encoder-decoder", "encoder-decoder, repaired"
ADDED = (LONGER, ENCODER_DECODER, ITS_REPAIR)
"""Arms of full mode that were added after the first run."""


def name_of(kept: str, num_levels: int) -> str:
    """The arm with those skips at so many levels."""
    return f"{kept}, {num_levels} level" + "s" * (num_levels > 1)


def levels_of(runs: Runs) -> list[int]:
    """The numbers of levels at which all skips stand against none."""
    return sorted({int(arm.options["levels"]) for arm in runs.arms})
