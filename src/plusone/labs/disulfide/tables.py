"""The tables: each chain against its controls, each chain folded, the nets, and all graphs."""

from __future__ import annotations

import math
from collections.abc import Mapping

from plusone.labs.base import Runs, Table
from plusone.labs.disulfide.chains import CUTOFF
from plusone.labs.disulfide.chance import NUM_DRAWS, holm, p_value
from plusone.labs.disulfide.hosts import NUMBERS
from plusone.labs.disulfide.measured import Measured, Pieces, array, num_bonds, number
from plusone.report.numerals import UNMEASURED

Row = tuple[str | float, ...]
CONTROLS = ("random", "local")


def tables(runs: Runs, pieces: Pieces, repeats: Mapping[str, str]) -> tuple[Table, ...]:
    """All of them; `repeats` names the chains that repeat another, by whose name."""
    return (
        _against_controls(pieces, repeats),
        _folded(pieces, repeats),
        _loops(pieces, repeats),
        _nets(runs),
        _hosts(runs),
    )


def tested(pieces: Pieces) -> Mapping[str, tuple[float, ...]]:
    """By chain: p against random places, with Holm's correction over all of them, the same against
    local bonds. One-sided: that the bonds take more of the unfolded chain's motion."""
    found = [
        p_value(number(piece, "bonds"), array(piece, control))
        for piece in pieces
        for control in CONTROLS
    ]
    both = list(zip(found, holm(found), strict=True))
    return {str(p["name"]): both[2 * i] + both[2 * i + 1] for i, p in enumerate(pieces)}


def _against_controls(pieces: Pieces, repeats: Mapping[str, str]) -> Table:
    bonded = [piece for piece in pieces if num_bonds(piece)]
    counted = tested([piece for piece in bonded if piece["name"] not in repeats])
    rows: list[Row] = [
        (
            *_head(piece, repeats),
            *(1 - float(array(piece, key).mean()) for key in ("bonds", *CONTROLS)),
            *counted.get(str(piece["name"]), (UNMEASURED,) * 4),
        )
        for piece in bonded
    ]
    return Table(
        title="By chain, unfolded: the share of its motion that its bonds take, and that bonds of "
        f"the same spans at random places and as many local ones take (mean of {NUM_DRAWS:,} "
        "draws); one-sided p that the bonds take more, and with Holm's correction over the "
        f"table's {2 * len(counted)} tests. Repeats of a protein are shown and not tested",
        columns=(
            "chain",
            "residues",
            "bonds",
            "motion taken",
            "at random places",
            "local",
            "one-sided p, random",
            "Holm, random",
            "one-sided p, local",
            "Holm, local",
        ),
        rows=tuple(rows),
    )


def _folded(pieces: Pieces, repeats: Mapping[str, str]) -> Table:
    rows: list[Row] = []
    for piece in pieces:
        b = number(piece, "b correlation")
        values: Row = (UNMEASURED,) * 7
        if num_bonds(piece):
            parts = array(piece, "paths")[:2], array(piece, "loops"), array(piece, "folded change")
            values = tuple(float(value) for part in parts for value in part)
        rows.append((*_head(piece, repeats), *values, b if math.isfinite(b) else UNMEASURED))
    return Table(
        title="By chain: mean path; entropy that the bonds take of the unfolded chain, kcal/mol at "
        "298 K, together and one by one: T (2.1 k + 1.5 R ln det(B^T L+ B)) of k bonds, 2.1 being "
        "Pace's constant in cal/(mol K); relative change of the folded chain's motion by bonds of "
        "ten contacts' springs, at cysteines also of one, contacts being CA atoms within "
        f"{CUTOFF} A; correlation with the B factors",
        columns=(
            "chain",
            "residues",
            "bonds",
            "mean path, bare",
            "with bonds",
            "loops",
            "one by one",
            "folded",
            "at cysteines",
            "a contact's spring",
            "B correlation",
        ),
        rows=tuple(rows),
    )


def _loops(pieces: Pieces, repeats: Mapping[str, str]) -> Table:
    rows: list[Row] = []
    for piece in pieces:
        if not num_bonds(piece) or piece["name"] in repeats:
            continue
        names, pairs = piece["bond names"], piece["bond list"]
        assert isinstance(names, list)
        assert isinstance(pairs, list)
        costs = array(piece, "each loop")
        for name, (i, j), cost in zip(names, pairs, costs, strict=True):
            rows.append((str(piece["name"]), str(name), float(j - i), *map(float, cost)))
    return Table(
        title="By bond: entropy that its loop takes of the unfolded chain, kcal/mol at 298 K, "
        "alone and where the chain has its other bonds already",
        columns=("chain", "bond", "span", "alone", "with the others"),
        rows=tuple(rows),
    )


def _head(piece: Measured, repeats: Mapping[str, str]) -> Row:
    name = str(piece["name"])
    shown = f"{name}, repeats {repeats[name]}" if name in repeats else name
    return shown, number(piece, "residues"), float(num_bonds(piece))


def _nets(runs: Runs) -> Table:
    rows: list[Row] = [
        (
            arm.name.removeprefix("net: "),
            *(float(runs.mean(arm, key)) for key in ("predicted", "start", "train", "test")),
        )
        for arm in runs.arms
        if arm.name.startswith("net: ")
    ]
    return Table(
        title="A net of the chain's length, by its skips: decades of the gradient at the start",
        columns=("skips", "forecast", "measured", "training accuracy", "test accuracy"),
        rows=tuple(rows),
    )


def _hosts(runs: Runs) -> Table:
    hosts = next(run.numbers for run in runs if run.arm.name == "hosts")
    names, numbers = hosts["names"], hosts["numbers"]
    assert isinstance(names, list)
    assert isinstance(numbers, list)
    return Table(
        title="One graph code, from end to end: log10 of the number of paths, fewest and mean "
        "branches on one, log10 of the paths' sum with a branch counting 1/2 (resolvent), fewest "
        "edges in any direction (hops), resistance, smallest cut, decades of the gradient with "
        "branches of second moment 1/2",
        columns=("graph", *NUMBERS),
        rows=tuple((str(name), *map(float, row)) for name, row in zip(names, numbers, strict=True)),
    )
