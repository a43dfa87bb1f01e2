"""What the lab's numbers mean, in a few sentences with the numbers in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plusone.labs.base import Run, Runs
from plusone.labs.disulfide.measured import Pieces, array, number
from plusone.labs.disulfide.repeats import of_one_molecule
from plusone.labs.disulfide.tables import tested
from plusone.report.numerals import counted

NETS = ("none", "bonds", "random places", "local")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The disulfide bonds of all structures' records, before any chain is left out as a repeat.

    `num_between` lie between two chains, `num_across` across missing residues, `num_short` in a
    stretch too short for a graph, `num_copies` to a symmetric copy of the molecule. `cut` are the
    chains with missing residues.
    """

    num_bonds: int
    num_between: int
    num_across: int
    num_short: int
    num_copies: int
    refuted: tuple[str, ...]
    unrecorded: tuple[str, ...]
    num_compared: int
    cut: tuple[str, ...]

    @property
    def num_mismatches(self) -> int:
        """How often records and sulfurs differ."""
        return len(self.refuted) + len(self.unrecorded)


def recorded_of(structures: Sequence[Run]) -> Recorded:
    """What the records of these structures name, and what their sulfurs say of it."""

    def total(key: str) -> int:
        return sum(int(number(run.numbers, key)) for run in structures)

    def named(key: str) -> tuple[str, ...]:
        found: list[str] = []
        for run in structures:
            names = run.numbers[key]
            assert isinstance(names, list)
            found += names
        return tuple(found)

    return Recorded(
        num_bonds=total("recorded"),
        num_between=total("between"),
        num_across=total("across"),
        num_short=total("short"),
        num_copies=total("copies"),
        refuted=named("refuted"),
        unrecorded=named("unrecorded"),
        num_compared=total("compared"),
        cut=named("cut"),
    )


def reading(measured: Mapping[str, Sequence[float]], pieces: Pieces, runs: Runs) -> str:
    """What the numbers mean; `pieces` are those with bonds, each protein once."""
    mean = {key: float(np.mean(values)) for key, values in measured.items()}
    test = {net: float(runs.mean(f"net: {net}", "test")) for net in NETS}
    start = {net: float(runs.mean(f"net: {net}", "start")) for net in NETS}
    softly = float(np.mean([array(piece, "folded change")[2] for piece in pieces]))
    fewest = min(int(number(piece, "starts")) for piece in pieces)
    # Every chain and seed, not the mean, in which differences of both signs would vanish.
    largest = max(float(np.abs(measured[key]).max()) for key in ("places", "net-places"))
    told = "The span counts more than the place", "Whether the place counts too cannot be told"
    place = told[largest > 0.1]
    return (
        f"Over {len(pieces)} chain{'' if len(pieces) == 1 else 's'} the bonds leave "
        f"{mean['unfolded']:.0%} of the unfolded chain's motion (as many local "
        f"ones {mean['local']:.0%}) and {mean['paths']:.0%} of its mean path; of "
        f"the folded protein's motion they take {-mean['folded']:.1%}, at the "
        f"cysteines {-mean['cysteines']:.0%} ({-softly:.0%} if a bond is as soft as a contact). "
        "A net of the shown chain's length without skips has "
        f"a test accuracy of {test['none']:.2f} (gradient 10^{start['none']:.1f} at the start); "
        f"with the protein's bonds as its only skips {test['bonds']:.2f} "
        f"(10^{start['bonds']:.1f}), with as many local ones {test['local']:.2f}. {place}: "
        f"the same spans at random places give {test['random places']:.2f}, and differ in the "
        f"chain's motion by {mean['places']:+.2f} (where a span is nearly the whole chain there "
        f"are few places, {fewest} for the longest bond of one chain)"
        + (
            f"; of the other pairings of the same cysteines {mean['pairings']:.0%} have shorter "
            "paths."
            if "pairings" in mean
            else "."
        )
        + (
            f" Together the bonds cost {mean['shared']:.0%} of the entropy that they would one by "
            "one."
            if "shared" in mean
            else ""
        )
    )


def about_chains(records: Recorded, pieces: Pieces, repeats: Mapping[str, str]) -> str:
    """How sure the chains' numbers are: p values, faulty records, repeats, chains of a molecule."""
    by_chain = list(tested(pieces).values())
    random, local = [holms[1] for holms in by_chain], [holms[3] for holms in by_chain]
    told = [
        f"That the bonds take more motion has, against random places, a one-sided p {_span(random)}"
        f", and against local ones {_span(local)}, with Holm's correction over the "
        f"{2 * len(by_chain)} tests",
        _where(records),
    ]
    if records.cut:
        told.append(
            f"Residues are missing of {_listed(records.cut)}, so that each unbroken stretch of "
            "eight or more is taken for itself"
        )
    if records.refuted:
        told.append(
            f"Set aside as faulty, since no bond is that long: {_listed(records.refuted, '; ')}"
        )
    if records.unrecorded:
        told.append(f"Sulfurs that touch without a record: {_listed(records.unrecorded)}")
    if repeats:
        same = [f"{name} repeats {first}" for name, first in repeats.items()]
        told.append(f"{_listed(same)}: each protein counts once")
    molecule = of_one_molecule(pieces)
    if molecule:
        told.append(
            f"{_listed(molecule)} are of one molecule, so that the intervals over chains, which "
            "take them for independent, are somewhat too narrow"
        )
    return " ".join(f"{sentence}." for sentence in told)


def _where(records: Recorded) -> str:
    others = (
        (records.num_between, "between two chains"),
        (records.num_across, "across missing residues"),
        (records.num_short, "in a stretch of fewer than eight residues"),
        (records.num_copies, "to a symmetric copy of the molecule"),
        (len(records.refuted), "refuted by the distance of the sulfurs"),
    )
    inside = records.num_bonds - sum(count for count, _ in others)
    given = [f"{count} {where}" for count, where in others if count]
    named = f"The records name {counted(records.num_bonds, 'bond')}"
    if not given:
        return f"{named}, none of them between two chains"
    return f"{named}: {_listed([f'{inside} within a chain', *given])}"


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"of {low:.2g}" if low == high else f"of {low:.2g} to {high:.2g}"


def _listed(names: Sequence[str], mark: str = ", ") -> str:
    return " and ".join(filter(None, (mark.join(names[:-1]), names[-1])))
