"""The records of a PDB file that the lab reads: residues, sulfurs and disulfide bonds.

Fixed columns of the format's version 3.3: ATOM and HETATM 13-16 name, 17 alternate location, 18-20
residue, 22 chain, 23-27 number with insertion code, 31-54 coordinates, 61-66 B factor; SSBOND 12-14
and 26-28 residue, 16 and 30 chain, 18-22 and 32-36 number with insertion code, 60-65 and 67-72
symmetry operator. Read are the first model and the first alternate location. HETATM residues with a
CA atom (MSE, PCA) belong to a chain until its TER record; what follows it are ligands and water.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from plusone.errors import InputError

Key = tuple[str, str]
"""Chain and residue number with its insertion code."""
Place = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """A residue with a CA atom, whose place it is; `nitrogen` and `carbon` are those of the peptide
    bonds before and behind it, None where the file has no such atoms."""

    key: Key
    kind: str
    place: Place
    b_factor: float
    nitrogen: Place | None = None
    carbon: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """An SSBOND record: two residues in the order of their keys, as what it names them ("" where it
    does not), and whether the second is one of a symmetric copy of the molecule."""

    ends: tuple[Key, Key]
    kinds: tuple[str, str]
    is_to_copy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Atoms:
    """What a file holds: residues in its order, sulfurs of cysteines by residue, and each recorded
    bond once."""

    residues: tuple[Residue, ...]
    sulfurs: dict[Key, Place]
    bonds: tuple[Bond, ...]


def read_atoms(text: str, name: str) -> Atoms:
    """The records of a PDB file's text; `name` is what errors call it.

    Raises:
        InputError: a record is broken.
    """
    residues: dict[Key, Residue] = {}
    others: dict[str, dict[Key, Place]] = {"SG": {}, "N": {}, "C": {}}
    bonds: dict[tuple[tuple[Key, Key], bool], Bond] = {}
    ended: set[str] = set()
    chain = " "
    for number, line in enumerate(text.splitlines(), 1):
        record = line[:6].rstrip()
        try:
            if record == "ENDMDL":
                break
            if record == "SSBOND":
                bond = _bond(line)
                bonds.setdefault((bond.ends, bond.is_to_copy), bond)
            elif record == "TER":
                ended.add(line[21:22].strip() or chain)
            elif record == "ATOM" or (record == "HETATM" and line[21:22] not in ended):
                chain = line[21:22]
                if _is_read(line, record):
                    _take(line, residues, others)
        except ValueError as error:
            raise InputError(
                f"'{name}', line {number}: the record {line.strip()!r} is broken ({error})"
            ) from error
    return Atoms(
        residues=tuple(
            replace(r, nitrogen=others["N"].get(key), carbon=others["C"].get(key))
            for key, r in residues.items()
        ),
        sulfurs={key: place for key, place in others["SG"].items() if key in residues},
        bonds=tuple(bonds.values()),
    )


def _is_read(line: str, record: str) -> bool:
    """Whether it is a CA, SG, N or C atom; calcium of a HETATM record is a CA that begins a column
    before."""
    atom = line[12:16]
    is_whole = record == "ATOM" or atom.startswith(" ")
    return is_whole and atom.strip() in ("CA", "SG", "N", "C")


def _take(line: str, residues: dict[Key, Residue], others: dict[str, dict[Key, Place]]) -> None:
    key = (_field(line, 21, 22), _number(line, 22))
    x, y, z = (_decimal(line, at, at + 8) for at in (30, 38, 46))
    if not all(map(math.isfinite, (x, y, z))):
        raise ValueError("coordinates that are not finite")
    atom = line[12:16].strip()
    if atom in others:
        others[atom].setdefault(key, (x, y, z))
    elif key not in residues:
        b = _decimal(line, 60, 66) if line[60:66].strip() else math.nan
        residues[key] = Residue(key=key, kind=line[17:20].strip(), place=(x, y, z), b_factor=b)


def _bond(line: str) -> Bond:
    first, second = (
        (
            (_field(line, chain, chain + 1), _number(line, chain + 2)),
            line[chain - 4 : chain - 1].strip(),
        )
        for chain in (15, 29)
    )
    # A residue's bond with itself is one with its copy, in files that leave out the operators.
    is_to_copy = line[59:65].strip() != line[66:72].strip() or first[0] == second[0]
    (a, kind_a), (b, kind_b) = sorted((first, second), key=lambda end: order(end[0]))
    return Bond(ends=(a, b), kinds=(kind_a, kind_b), is_to_copy=is_to_copy)


def _field(line: str, first: int, end: int) -> str:
    """Columns, counted from 0, of a line that must have them all."""
    if len(line) < end:
        raise ValueError(f"it ends before column {end}")
    return line[first:end]


def _decimal(line: str, first: int, end: int) -> float:
    text = _field(line, first, end)
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"columns {first + 1} to {end} hold {text.strip()!r} and no number"
        ) from None


def _number(line: str, first: int) -> str:
    """A residue's number with its insertion code, as it stands."""
    text = _field(line, first, first + 4)
    try:
        int(text)
    except ValueError:
        raise ValueError(
            f"columns {first + 1} to {first + 4} hold {text.strip()!r} and no residue number"
        ) from None
    return line[first : first + 5].strip()


def order(key: Key) -> tuple[str, int, str]:
    """What sorts residues as they are numbered."""
    chain, number = key
    code = "" if number[-1].isdigit() else number[-1]
    return chain, int(number.removesuffix(code)), code


def ssbond(first: Key, second: Key) -> str:
    """The SSBOND record of a bond between two residues."""

    def residue(key: Key) -> str:
        chain, number, code = order(key)
        return f"CYS {chain} {number:4d}{code:1}"

    return f"SSBOND   1 {residue(first)}   {residue(second)}".rstrip()


def in_words(ends: tuple[Key, Key]) -> str:
    """A bond as it is spoken of: "A5-A55"."""
    return "-".join(f"{chain.strip()}{number}" for chain, number in ends)
