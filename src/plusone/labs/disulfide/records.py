"""Which recorded bonds are bonds: SSBOND records beside the residues they name and the sulfurs.

A record that the file itself refutes is not used: where its residues are no cysteines, or one is in
two bonds of a chain, the file is refused, since it cannot be told which record is meant; where its
sulfurs are further apart than any bond's, the record is set aside and named. (1IGY has one: D240 is
recorded as bonded to B240, 2.05 A away, and to D242, 2.99 A away.)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from plusone.errors import InputError
from plusone.labs.disulfide.atoms import Atoms, Key, in_words, order

# A sulfur-sulfur bond has 2.05 A; what is further apart than this is none, whatever a record says.
LONGEST_BOND = 2.5
CYSTEINES = frozenset({"CYS", "CYX", "CYM", "DCY", "CYD", "CSS", "CSX", "CME", "HCS", "LE1"})
"""Names of cysteine and its usual modifications; another residue with an SG atom is one too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The recorded bonds between residues of the file that stand, those with symmetric copies, and
    where records and sulfurs differ, in words.

    `refuted` are records whose sulfurs are too far apart, `unrecorded` pairs of sulfurs within 2.5
    A of which there is no record. `near` are all such pairs, `num_compared` how many records and
    sulfurs could be compared: none where the file has no SG atoms.
    """

    stand: tuple[tuple[Key, Key], ...]
    num_copies: int
    refuted: tuple[str, ...]
    unrecorded: tuple[str, ...]
    near: tuple[tuple[Key, Key], ...]
    num_compared: int


def judge(atoms: Atoms, name: str) -> Judged:
    """The bonds of a file that is called `name`.

    Raises:
        InputError: a record names what is no cysteine, or a cysteine is in two bonds.
    """
    kinds = {residue.key: residue.kind for residue in atoms.residues}
    for bond in atoms.bonds:
        for key, recorded in zip(bond.ends, bond.kinds, strict=True):
            _require_cysteine(name, key, recorded, kinds.get(key), has_sulfur=key in atoms.sulfurs)
    ends = [bond.ends for bond in atoms.bonds if not bond.is_to_copy]
    _require_one_bond_each(name, [(a, b) for a, b in ends if a[0] == b[0]])
    known = {
        (a, b): math.dist(atoms.sulfurs[a], atoms.sulfurs[b])
        for a, b in itertools.combinations(sorted(atoms.sulfurs, key=order), 2)
    }
    near = tuple(pair for pair, distance in known.items() if distance < LONGEST_BOND)
    refuted = [pair for pair in ends if known.get(pair, 0.0) >= LONGEST_BOND]
    stand = tuple(pair for pair in ends if pair not in refuted)
    _require_one_bond_each(name, stand)
    return Judged(
        stand=stand,
        num_copies=len(atoms.bonds) - len(ends),
        refuted=tuple(f"{in_words(pair)}, {known[pair]:.2f} A" for pair in refuted),
        unrecorded=tuple(in_words(pair) for pair in near if pair not in ends),
        near=near,
        num_compared=len({*near, *(pair for pair in ends if pair in known)}),
    )


def _require_cysteine(
    name: str, key: Key, recorded: str, kind: str | None, *, has_sulfur: bool
) -> None:
    chain, number = key
    if kind is None:
        raise InputError(
            f"'{name}': an SSBOND record names residue {number} of chain '{chain}', which has no "
            "CA atom; the file is broken or cut, so take the whole entry"
        )
    is_named = not recorded or recorded in CYSTEINES or recorded == kind
    if not is_named or not (kind in CYSTEINES or has_sulfur):
        raise InputError(
            f"'{name}': an SSBOND record names residue {number} of chain '{chain}' "
            f"{recorded or 'a cysteine'}, and its atoms are those of {kind or 'no named residue'}; "
            "a disulfide bond joins two cysteines, so correct the record or leave it out"
        )


def _require_one_bond_each(name: str, pairs: Sequence[tuple[Key, Key]]) -> None:
    partners: dict[Key, list[Key]] = {}
    for a, b in pairs:
        partners.setdefault(a, []).append(b)
        partners.setdefault(b, []).append(a)
    for key, others in partners.items():
        if len(others) > 1:
            records = " and ".join(in_words((key, other)) for other in others)
            raise InputError(
                f"'{name}': SSBOND records bond one cysteine {len(others)} times ({records}), "
                "which its one sulfur cannot; leave out the records that are wrong"
            )
