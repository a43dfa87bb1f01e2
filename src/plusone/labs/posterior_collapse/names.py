"""The arms' names, which the pictures look up."""

from __future__ import annotations

from plusone.labs.base import Runs

WIDEST = 64
HALF, MOST = "64 skipped, dropped for half", "64 skipped, dropped for 9 in 10"
GATED, LATENT = "64 skipped, times a learned 0.01", "a skip from the latent"
FREE, REPAIRED = "64 skipped, free bits", "64 skipped, repaired by plusone.fix"
REMEDIES = (HALF, MOST, LATENT, REPAIRED, GATED, FREE)


def name_of(skipped: int) -> str:
    """The arm with so many numbers skipped."""
    return f"{skipped} skipped"


def widths_of(runs: Runs) -> list[int]:
    """How many numbers are skipped, in the arms without a remedy."""
    return [int(arm.options["skipped"]) for arm in runs.arms if "skipped" in arm.options]
