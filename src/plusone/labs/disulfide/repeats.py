"""Which chains are of one protein, so that it does not count twice in an interval over chains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plusone.labs.disulfide.measured import Measured, Pieces, array

DIFFERENT = 0.02
"""The share of residues that may differ between two records of a protein, one of them at least:
1CRN and 1EJG, both crambin, are the variants with Ile and with Leu 25."""


def repeats(pieces: Pieces) -> Mapping[str, str]:
    """By the name of each chain that repeats an earlier one, that one's name."""
    found: dict[str, str] = {}
    first: list[Measured] = []
    for piece in pieces:
        same = next((other for other in first if _is_same(piece, other)), None)
        if same is None:
            first.append(piece)
        else:
            found[str(piece["name"])] = str(same["name"])
    return found


def _is_same(a: Measured, b: Measured) -> bool:
    """Whether they have the same length and bonds, and at most 2 % other residues."""
    kinds, others = (_residues(piece) for piece in (a, b))
    if len(kinds) != len(others) or not _same_bonds(a, b):
        return False
    num_different = sum(x != y for x, y in zip(kinds, others, strict=True))
    return num_different <= max(1, int(DIFFERENT * len(kinds)))


def _residues(piece: Measured) -> Sequence[object]:
    found = piece["sequence"]
    assert isinstance(found, list)
    return found


def _same_bonds(a: Measured, b: Measured) -> bool:
    return bool(np.array_equal(array(a, "bond list"), array(b, "bond list")))


def of_one_molecule(pieces: Pieces) -> list[str]:
    """The names of those that share their structure with another, in their order."""
    structures = [str(piece["structure"]) for piece in pieces]
    return [
        str(piece["name"])
        for piece, structure in zip(pieces, structures, strict=True)
        if structures.count(structure) > 1
    ]
