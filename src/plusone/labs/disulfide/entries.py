"""The structures of the lab: four that it carries, the folder's, or a file of the user's."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from plusone.errors import InputError
from plusone.labs.data.located import located
from plusone.labs.disulfide.atoms import ssbond
from plusone.labs.disulfide.pdb import SHORTEST_PIECE, Piece, Structure, read_structure
from plusone.labs.disulfide.records import LONGEST_BOND

CARRIED = ("crambin", "bpti", "lysozyme", "ubiquitin")
"""CA and cysteine SG atoms of the entries 1CRN, 5PTI, 1AKI and 1UBI."""
ENTRIES = ("1CRN", "5PTI", "1AKI", "1EJG", "1IGY", "1UBI")
"""Whole entries of the Protein Data Bank."""
SHOWN, SHOWN_WHOLE = "bpti", "5PTI"
"""The one with a picture and nets of its own, among those carried and among the entries."""


def structure_of(entry: str) -> Structure:
    """A structure by its name: one that is carried, an entry, or the path of a file.

    Raises:
        InputError: there is no such file, or it is broken.
    """
    if entry in CARRIED:
        return read_structure(Path(__file__).parent / "structures" / f"{entry}.pdb")
    if entry in ENTRIES:
        return _whole(entry)
    return read_structure(entry)


@cache
def _whole(entry: str) -> Structure:
    files = located("disulfides").files
    return read_structure(next(path for name, path in files.items() if name.startswith(entry)))


def bonded(entry: str) -> Piece:
    """The longest piece of a structure that has a disulfide bond.

    Raises:
        InputError: it has none.
    """
    structure = structure_of(entry)
    found = [piece for piece in structure.pieces if piece.bonds]
    if not found:
        raise InputError(_no_bond(structure))
    return max(found, key=len)


def _no_bond(structure: Structure) -> str:
    """Why a structure has no bond to measure, and what would give it one."""
    none = f"'{structure.name}' has no disulfide bond within a chain"
    near = [(piece, pair) for piece in structure.pieces for pair in piece.near]
    if near and not structure.num_records:
        piece, (i, j) = near[0]
        suggest = "pair of sulfurs suggests" if len(near) == 1 else "pairs of sulfurs suggest"
        return (
            f"'{structure.name}' has no SSBOND record, although {len(near)} {suggest} disulfide "
            f"bonds (SG atoms within {LONGEST_BOND} A): add a record for each, the first being "
            f"'{ssbond(piece.keys[i], piece.keys[j])}'"
        )
    if not structure.num_records:
        return f"{none}, and no sulfurs that are near enough for one"
    reasons = (
        (structure.num_between, "between two chains"),
        (structure.num_across, "across missing residues"),
        (structure.num_short, f"in a stretch of fewer than {SHORTEST_PIECE} residues"),
        (structure.num_copies, "with a symmetric copy of the molecule"),
        (
            len(structure.refuted),
            f"refuted by the distance of the sulfurs ({'; '.join(structure.refuted)})",
        ),
    )
    given = ", ".join(f"{count} {reason}" for count, reason in reasons if count)
    return f"{none}: of the bonds that its SSBOND records name, {given}"


def digest(path: str) -> str:
    """What tells a file's content from another's."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
