"""The arms' names, which the pictures look up, and the lengths at which nets are measured."""

from __future__ import annotations

ATTENTION, FIXED = "attention", "fixed context"
REPAIRED = "fixed context, repaired by plusone.fix"
KINDS = (ATTENTION, FIXED, REPAIRED)
LENGTHS = (4, 8, 12, 16, 24, 32)
"""Numbers of words, to read and to write, at which gradients and paths are measured."""
_LETTERS = ", letters"


def lettered(kind: str) -> str:
    """The arm of a kind of net that writes letters, where others translate."""
    return kind + _LETTERS


def kind_of(arm: str) -> str:
    """The kind of net of an arm."""
    return arm.removesuffix(_LETTERS)
