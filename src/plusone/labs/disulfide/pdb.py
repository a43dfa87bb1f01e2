"""Chains and disulfide bonds of a PDB file: a small parser, since others drop the SSBOND records.

Fixed columns of the format's version 3.3: ATOM 13-16 name, 17 alternate location, 18-20 residue, 22
chain, 23-27 number with insertion code, 31-54 coordinates, 61-66 B factor; SSBOND 16 and 30 chain,
18-22 and 32-36 number with insertion code. Read are the first model, the first alternate location,
and residues with a CA atom. A chain is cut where consecutive CA atoms are too far apart.
"""

from __future__ import annotations

import gzip
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from plusone.errors import InputError

# Consecutive CA atoms are 3.8 A apart, or 2.9 with a cis peptide; further, residues are missing.
LONGEST_STEP = 4.5
# A sulfur-sulfur bond has 2.05 A; what is further apart than this is none, whatever a record says.
LONGEST_BOND = 2.5
SHORTEST_PIECE = 8

Key = tuple[str, str]
"""Chain and residue number with its insertion code."""
Pair = tuple[int, int]


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
    """The pieces of a file, and how many of its bonds join two pieces and so are in none."""

    name: str
    pieces: tuple[Piece, ...]
    num_between: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Residue:
    key: Key
    kind: str
    place: tuple[float, float, float]
    b_factor: float


def read_structure(path: str | Path) -> Structure:
    """The structure of a PDB file, plain or gzipped.

    Raises:
        InputError: the file cannot be read, holds no protein chain, or has broken records.
    """
    file = Path(path)
    try:
        content = file.read_bytes()
        if file.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise InputError(f"'{file}' cannot be read: {error}") from error
    name = file.name.removesuffix(".gz").rpartition(".")[0] or file.name
    return parsed(content.decode("ascii", errors="replace"), name)


def parsed(text: str, name: str) -> Structure:
    """The structure of a PDB file's text.

    Raises:
        InputError: it holds no protein chain, or has broken records.
    """
    residues, sulfurs, pairs = _records(text, name)
    if not residues:
        raise InputError(
            f"'{name}' has no ATOM record of a CA atom; is it a PDB file of a protein?"
        )
    known = {residue.key for residue in residues}
    for pair in pairs:
        for chain, number in pair:
            if (chain, number) not in known:
                raise InputError(
                    f"'{name}': an SSBOND record names residue {number.strip()} of chain "
                    f"'{chain}', which has no CA atom; the file is broken or cut, so take the "
                    "whole entry"
                )
    pieces = tuple(
        _piece(f"{name} {stretch[0].key[0].strip()}".strip(), stretch, sulfurs, pairs)
        for stretch in _stretches(residues)
        if len(stretch) >= SHORTEST_PIECE
    )
    num_inside = sum(len(piece.bonds) for piece in pieces)
    return Structure(name=name, pieces=_numbered(pieces), num_between=len(pairs) - num_inside)


def _records(
    text: str, name: str
) -> tuple[list[_Residue], dict[Key, tuple[float, float, float]], list[tuple[Key, Key]]]:
    residues: dict[Key, _Residue] = {}
    sulfurs: dict[Key, tuple[float, float, float]] = {}
    pairs: list[tuple[Key, Key]] = []
    for number, line in enumerate(text.splitlines(), 1):
        record = line[:6].rstrip()
        try:
            if record == "ENDMDL":
                break
            if record == "SSBOND":
                first, second = (line[15], _number(line[17:22])), (line[29], _number(line[31:36]))
                if first != second and (first, second) not in pairs:
                    pairs.append((first, second))
            elif record == "ATOM" and line[12:16].strip() in ("CA", "SG"):
                key = (line[21], _number(line[22:27]))
                x, y, z = (float(line[at : at + 8]) for at in (30, 38, 46))
                if not all(map(math.isfinite, (x, y, z))):
                    raise ValueError("coordinates that are not finite")
                if line[12:16].strip() == "SG":
                    sulfurs.setdefault(key, (x, y, z))
                elif key not in residues:
                    b = float(line[60:66]) if line[60:66].strip() else math.nan
                    residues[key] = _Residue(
                        key=key, kind=line[17:20].strip(), place=(x, y, z), b_factor=b
                    )
        except (ValueError, IndexError) as error:
            raise InputError(
                f"'{name}', line {number}: the record {line.strip()!r} is broken ({error})"
            ) from error
    return list(residues.values()), sulfurs, pairs


def ssbond(first: Key, second: Key) -> str:
    """The SSBOND record of a bond between two residues."""

    def residue(key: Key) -> str:
        chain, number = key
        code = "" if number[-1].isdigit() else number[-1]
        return f"CYS {chain} {number.removesuffix(code):>4}{code:1}"

    return f"SSBOND   1 {residue(first)}   {residue(second)}".rstrip()


def _number(field: str) -> str:
    """A residue's number with its insertion code, as it stands."""
    int(field[:4])
    return field[:5].strip()


def _stretches(residues: Sequence[_Residue]) -> Iterator[list[_Residue]]:
    """Residues of one chain, cut where the step between two CA atoms is too long."""
    for _, chain in itertools.groupby(residues, key=lambda residue: residue.key[0]):
        stretch: list[_Residue] = []
        for residue in chain:
            if stretch and math.dist(stretch[-1].place, residue.place) > LONGEST_STEP:
                yield stretch
                stretch = []
            stretch.append(residue)
        yield stretch


def _piece(
    name: str,
    stretch: Sequence[_Residue],
    sulfurs: dict[Key, tuple[float, float, float]],
    pairs: Sequence[tuple[Key, Key]],
) -> Piece:
    at = {residue.key: number for number, residue in enumerate(stretch)}
    bonds = sorted((min(at[a], at[b]), max(at[a], at[b])) for a, b in pairs if a in at and b in at)
    places = {at[key]: place for key, place in sulfurs.items() if key in at}
    near = [
        (i, j)
        for i, j in itertools.combinations(sorted(places), 2)
        if math.dist(places[i], places[j]) < LONGEST_BOND
    ]
    return Piece(
        name=name,
        keys=tuple(residue.key for residue in stretch),
        sequence=tuple(residue.kind for residue in stretch),
        coordinates=tuple(residue.place for residue in stretch),
        b_factors=tuple(residue.b_factor for residue in stretch),
        bonds=tuple(dict.fromkeys(bonds)),
        near=tuple(near),
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
