"""The arms, what is measured of each, and what follows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from plusone.errors import InputError
from plusone.labs.base import Arm, Conclusion, Lab, Plan, Run, Runs, effect
from plusone.labs.base.lab import Option
from plusone.labs.data import digits
from plusone.labs.disulfide.chains import LOCAL_SPAN, folded, unfolded
from plusone.labs.disulfide.chance import at_random
from plusone.labs.disulfide.claim import CLAIM
from plusone.labs.disulfide.entries import (
    CARRIED,
    ENTRIES,
    SHOWN,
    SHOWN_WHOLE,
    bonded,
    digest,
    structure_of,
)
from plusone.labs.disulfide.figures import figures
from plusone.labs.disulfide.hosts import hosts
from plusone.labs.disulfide.measured import Measured, Pieces, array, num_bonds, number
from plusone.labs.disulfide.pdb import Pair, Piece
from plusone.labs.disulfide.reading import NETS, about_chains, reading, recorded_of
from plusone.labs.disulfide.repeats import repeats
from plusone.labs.disulfide.skipnet import measure_net
from plusone.labs.disulfide.tables import tables
from plusone.labs.training import TrainConfig

EVERY = "every layer"


def plan(is_full: bool) -> Plan:
    return _plan(ENTRIES, SHOWN_WHOLE, is_full) if is_full else _plan(CARRIED, SHOWN, is_full)


def plan_of_file(path: str, is_full: bool) -> Plan:
    """The plan for a structure of the user's; quick and full differ in seeds and training alone."""
    if not path:
        raise InputError("--pdb names no file")
    # A whole path, so that a file called "bpti" is not taken for the structure of this name.
    path = str(Path(path).absolute())
    found = bonded(path)  # now, so that a file without bonds is refused before anything runs
    assert found.bonds
    return _plan((path,), path, is_full)


def _plan(entries: Sequence[str], shown: str, is_full: bool) -> Plan:
    width, steps = (48, 300) if is_full else (32, 150)
    options: dict[str, Option] = {"entry": shown, "width": width, "steps": steps}
    marks: dict[str, dict[str, Option]] = {
        entry: {} if entry in (*CARRIED, *ENTRIES) else {"digest": digest(entry)}
        for entry in {*entries, shown}
    }
    nets = (*NETS, EVERY) if is_full else NETS
    return Plan(
        arms=(
            *(Arm(name=_title(e), options={"entry": e, **marks[e]}, seeds=(0,)) for e in entries),
            Arm(name="hosts", options={"entry": shown, **marks[shown]}, seeds=(0,)),
            *(Arm(name=f"net: {net}", options={**options, **marks[shown]}) for net in nets),
        ),
        seeds=tuple(range(5 if is_full else 3)),
        data=("digits", "disulfides") if is_full and entries == ENTRIES else ("digits",),
    )


def _title(entry: str) -> str:
    """The arm's name, which no file's name can make that of another arm."""
    return entry if entry in (*CARRIED, *ENTRIES) else f"file {Path(entry).name}"


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    entry = str(arm.options["entry"])
    if arm.name == "hosts":
        piece = bonded(entry)
        found = hosts(len(piece), piece.bonds, piece.name)
        return {"names": list(found), "numbers": list(found.values()), "piece": piece.name}
    if arm.name.startswith("net: "):
        return _net(arm, bonded(entry), seed)
    structure = structure_of(entry)
    return {
        "pieces": [{**_of_piece(p), "structure": structure.name} for p in structure.pieces],
        "recorded": structure.num_records,
        "between": structure.num_between,
        "across": structure.num_across,
        "short": structure.num_short,
        "copies": structure.num_copies,
        "refuted": [f"{structure.name} {bond}" for bond in structure.refuted],
        "unrecorded": [f"{structure.name} {bond}" for bond in structure.unrecorded],
        "compared": structure.num_compared,
        "cut": [f"{structure.name} {chain}".strip() for chain in structure.cut],
    }


def _of_piece(piece: Piece) -> dict[str, object]:
    found: dict[str, object] = {
        "name": piece.name,
        "sequence": list(piece.sequence),
        "residues": len(piece),
        "bond list": [list(pair) for pair in piece.bonds],
        **folded(piece),
    }
    if piece.bonds:
        found |= unfolded(piece, np.random.default_rng(0))
    return {key: _plain(value) for key, value in found.items()}


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [_plain(v) for v in value] if isinstance(value, list) else value


def _net(arm: Arm, piece: Piece, seed: int) -> Mapping[str, object]:
    n, draw = len(piece), np.random.default_rng(seed)
    kind = arm.name.removeprefix("net: ")
    skips: list[Pair] = {
        "none": [],
        "bonds": list(piece.bonds),
        "random places": at_random(n, [j - i for i, j in piece.bonds], draw),
        "local": at_random(n, [LOCAL_SPAN] * len(piece.bonds), draw),
        EVERY: [(i, i + 1) for i in range(n - 1)],
    }[kind]
    config = TrainConfig(
        steps=int(arm.options["steps"]), learning_rate=3e-3, optimizer="adam", seed=seed, clip=1.0
    )
    torch.manual_seed(seed)  # all arms with one seed begin with the same weights
    return measure_net(digits(), int(arm.options["width"]), (n, skips), config)


def pieces_of(runs: Runs) -> list[dict[str, object]]:
    """The measured pieces of all structures, repeats too."""
    found: list[dict[str, object]] = []
    for run in _structures(runs):
        pieces = run.numbers["pieces"]
        assert isinstance(pieces, list)
        found += pieces
    return found


def _structures(runs: Runs) -> list[Run]:
    return [run for run in runs if "pieces" in run.numbers]


def conclude(runs: Runs) -> Conclusion:
    everything = pieces_of(runs)
    same = repeats(everything)
    pieces = [piece for piece in everything if piece["name"] not in same]
    with_bonds = [piece for piece in pieces if num_bonds(piece)]
    if not with_bonds:
        raise InputError("none of the structures has a disulfide bond within a chain")

    def each(key: str, place: int | None = None) -> np.ndarray:
        values = [array(piece, key) for piece in with_bonds]
        return np.array([v if place is None else v[place] for v in values])

    test = {net: runs.of(f"net: {net}", "test") for net in NETS}
    random, local = (
        np.array([array(piece, key).mean() for piece in with_bonds]) for key in ("random", "local")
    )
    many = [piece for piece in with_bonds if num_bonds(piece) > 1]
    shared = [float(np.divide(*array(piece, "loops"))) for piece in many]
    shorter = [number(piece, "shorter") for piece in many]
    known = [number(piece, "b correlation") for piece in pieces]
    records = recorded_of(_structures(runs))
    optional: dict[str, Sequence[float]] = {
        "records": [float(records.num_mismatches)] if records.num_compared else [],
        "shared": shared,
        "pairings": [s for s in shorter if math.isfinite(s)],
        "b-factors": [b for b in known if math.isfinite(b)],
    }
    gradient = [
        float(np.abs(runs.of(f"net: {n}", "start") - runs.of(f"net: {n}", "predicted")).max())
        for n in NETS
    ]
    measured: dict[str, Sequence[float]] = {
        "unfolded": list(each("bonds")),
        "paths": list(each("paths", 1) / each("paths", 0)),
        "net": list(test["bonds"] - test["none"]),
        "bare": [float(each("bare error").max())],
        "local": list(local),
        "net-local": list(test["local"] - test["none"]),
        "gradient": [max(gradient)],
        "places": list(each("bonds") - random),
        "net-places": list(test["bonds"] - test["random places"]),
        "folded": list(each("folded change", 0)),
        "cysteines": list(each("folded change", 1)),
        **{key: values for key, values in optional.items() if values},
    }
    return Conclusion(
        measured=measured,
        unmeasured=_reasons([key for key in optional if key not in measured], has_many=bool(many)),
        reading=f"{reading(measured, with_bonds, runs)} {about_chains(records, with_bonds, same)}",
        effects=(
            effect(
                "test accuracy of a net of the chain's length",
                ("the protein's bonds as skips", list(test["bonds"])),
                ("no skips", list(test["none"])),
            ),
            effect(
                "unfolded fluctuation over the bare chain's",
                ("disulfide bonds", list(each("bonds"))),
                ("as many local bonds", list(local)),
                over="chains",
            ),
        ),
        figures=figures(runs, with_bonds, _shown(runs, everything)),
        tables=tables(runs, everything, same),
    )


def _shown(runs: Runs, pieces: Pieces) -> Measured:
    """The chain that the nets are of."""
    name = next(run.numbers["piece"] for run in runs if run.arm.name == "hosts")
    return next(piece for piece in pieces if piece["name"] == name)


def _reasons(keys: Sequence[str], *, has_many: bool) -> Mapping[str, str]:
    """Why these predictions have no value."""
    one = "no chain has more than one bond"
    reasons = {
        "shared": f"{one}, so there is none to share with",
        "pairings": (
            "the bonds of a chain are more than five or share a cysteine"
            if has_many
            else f"{one}, whose cysteines pair in one way"
        ),
        "records": "the sulfurs (SG atoms) that the records could be compared with are not there",
        "b-factors": "there are no B factors, or they are all the same",
    }
    return {key: reasons[key] for key in keys}


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude, plan_of_file=plan_of_file)
