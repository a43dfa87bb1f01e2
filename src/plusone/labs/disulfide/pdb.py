"""Chains and disulfide bonds of a PDB file: a small parser, since others drop the SSBOND records.

A chain is cut where the peptide bond between two residues is not there, or, of files without the
atoms of the backbone, where consecutive CA atoms are too far apart; what remains are its pieces,
each with the bonds that lie within it. All other bonds are counted by the reason why they are in no
piece.
"""

from __future__ import annotations

import gzip
import itertools
import math
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from plusone.errors import InputError
from plusone.labs.disulfide.atoms import Key, Residue, order, read_atoms
from plusone.labs.disulfide.records import judge

# Consecutive CA atoms are 3.8 A apart, or 2.9 with a cis peptide; further, residues are missing.
LONGEST_STEP = 4.5
# The same where their numbers jump: the loose ends of a missing turn are that near to each other.
LONGEST_JUMP = 4.0
# A peptide bond is 1.33 A.
LONGEST_PEPTIDE = 2.0
SHORTEST_PIECE = 8
_GZIP = b"\x1f\x8b"

Pair = tuple[int, int]
Lies = Literal["piece", "chains", "gap", "short"]
"""Where a bond lies: within a piece, between two chains, across missing residues of one, or within
a stretch that is too short for a piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """An unbroken stretch of a chain: residues in order, with CA coordinates in A and B factors.

    `bonds` are its disulfide bonds between residues (from 0), by the SSBOND records; `near` are the
    pairs of sulfurs within 2.5 A, which need no record. `keys` name the residues in the file.
    """

    name: str
    keys: tuple[Key, ...]
    sequence: tuple[str, ...]
    coordinates: tuple[tuple[float, float, float], ...]
    b_factors: tuple[float, ...]
    bonds: tuple[Pair, ...]
    near: tuple[Pair, ...]

    def __len__(self) -> int:
        return len(self.sequence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """The pieces of a file, and what became of the bonds of its records that are in none.

    `num_between` join two chains, `num_across` two stretches of one that missing residues part,
    `num_short` lie in a stretch of fewer than 8 residues, `num_copies` join a symmetric copy of the
    molecule. `refuted` are records that the sulfurs contradict, `unrecorded` pairs of sulfurs that
    touch without a record, and `num_compared` is how many could be compared at all. `cut` are the
    chains of which residues are missing, so that they are in several stretches.
    """

    name: str
    pieces: tuple[Piece, ...]
    num_between: int
    num_across: int
    num_short: int
    num_copies: int
    refuted: tuple[str, ...]
    unrecorded: tuple[str, ...]
    num_compared: int
    cut: tuple[str, ...] = ()

    @property
    def num_records(self) -> int:
        """How many bonds the records name."""
        inside = sum(len(piece.bonds) for piece in self.pieces)
        outside = self.num_between + self.num_across + self.num_short + self.num_copies
        return inside + outside + len(self.refuted)


def read_structure(path: str | Path) -> Structure:
    """The structure of a PDB file, plain or gzipped.

    Raises:
        InputError: the file cannot be read, holds no protein chain, or has broken records.
    """
    file = Path(path)
    try:
        content = file.read_bytes()
        if content.startswith(_GZIP):  # whatever the file's name is
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"'{file}' cannot be read: {why}") from error
    name = file.name.removesuffix(".gz").rpartition(".")[0] or file.name
    return parsed(content.decode("ascii", errors="replace"), name, file=file.name)


def parsed(text: str, name: str, *, file: str = "") -> Structure:
    """The structure of a PDB file's text; errors call it by its file's name, where it has one.

    Raises:
        InputError: it holds no protein chain, or has broken records.
    """
    shown = file or name
    atoms = read_atoms(text, shown)
    if not atoms.residues and "_atom_site" in text:
        raise InputError(
            f"'{shown}' is in mmCIF format, and what is read here is the PDB format (.pdb, .ent)"
        )
    if not atoms.residues:
        raise InputError(
            f"'{shown}' has no ATOM record of a CA atom; is it a PDB file of a protein?"
        )
    judged = judge(atoms, shown)
    stretches = list(_stretches(atoms.residues))
    pieces = tuple(
        _piece(f"{name} {stretch[0].key[0].strip()}".strip(), stretch, judged.stand, judged.near)
        for stretch in stretches
        if len(stretch) >= SHORTEST_PIECE
    )
    at = {r.key: number for number, stretch in enumerate(stretches) for r in stretch}
    by_chain = Counter(stretch[0].key[0] for stretch in stretches)
    lies = Counter(_lies(pair, at, stretches) for pair in judged.stand)
    assert lies["piece"] == sum(len(piece.bonds) for piece in pieces)
    return Structure(
        name=name,
        pieces=_numbered(pieces),
        num_between=lies["chains"],
        num_across=lies["gap"],
        num_short=lies["short"],
        num_copies=judged.num_copies,
        refuted=judged.refuted,
        unrecorded=judged.unrecorded,
        num_compared=judged.num_compared,
        cut=tuple(chain.strip() for chain, count in by_chain.items() if count > 1),
    )


def _lies(
    pair: tuple[Key, Key], at: dict[Key, int], stretches: Sequence[Sequence[Residue]]
) -> Lies:
    a, b = pair
    if a[0] != b[0]:
        return "chains"
    if at[a] != at[b]:
        return "gap"
    return "piece" if len(stretches[at[a]]) >= SHORTEST_PIECE else "short"


def _stretches(residues: Sequence[Residue]) -> Iterator[list[Residue]]:
    """Residues of one chain, cut where two are not joined."""
    for _, chain in itertools.groupby(residues, key=lambda residue: residue.key[0]):
        stretch: list[Residue] = []
        for residue in chain:
            if stretch and not _are_joined(stretch[-1], residue):
                yield stretch
                stretch = []
            stretch.append(residue)
        yield stretch


def _are_joined(first: Residue, second: Residue) -> bool:
    """Whether a peptide bond joins them, as far as the atoms in the file tell."""
    if math.dist(first.place, second.place) > LONGEST_STEP:
        return False
    if first.carbon is not None and second.nitrogen is not None:
        return math.dist(first.carbon, second.nitrogen) <= LONGEST_PEPTIDE
    follows = order(second.key)[1] - order(first.key)[1] <= 1
    return follows or math.dist(first.place, second.place) <= LONGEST_JUMP


def _piece(
    name: str,
    stretch: Sequence[Residue],
    bonds: Sequence[tuple[Key, Key]],
    near: Sequence[tuple[Key, Key]],
) -> Piece:
    at = {residue.key: number for number, residue in enumerate(stretch)}

    def within(pairs: Sequence[tuple[Key, Key]]) -> tuple[Pair, ...]:
        inside = [sorted((at[a], at[b])) for a, b in pairs if a in at and b in at]
        return tuple(sorted((i, j) for i, j in inside))

    return Piece(
        name=name,
        keys=tuple(residue.key for residue in stretch),
        sequence=tuple(residue.kind for residue in stretch),
        coordinates=tuple(residue.place for residue in stretch),
        b_factors=tuple(residue.b_factor for residue in stretch),
        bonds=within(bonds),
        near=within(near),
    )


def _numbered(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Pieces of one chain told apart by a number."""

    names = [piece.name for piece in pieces]
    return tuple(
        replace(piece, name=f"{piece.name}/{names[: i + 1].count(piece.name)}")
        if names.count(piece.name) > 1
        else piece
        for i, piece in enumerate(pieces)
    )


def places_of(piece: Piece) -> np.ndarray:
    """The CA coordinates, [residues, 3]."""
    return np.asarray(piece.coordinates)
