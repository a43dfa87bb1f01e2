"""The arms, what is measured of each, and what follows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from plusone.labs.base import Arm, Conclusion, Lab, Plan, Runs, effect
from plusone.labs.multigrid.claim import CLAIM
from plusone.labs.multigrid.factors import amg, classical, factor, operations
from plusone.labs.multigrid.figures import figures, grids_of, tables
from plusone.labs.multigrid.grids import (
    PARTS,
    damping,
    difference,
    forecast,
    smoothest,
    solved,
    without,
)
from plusone.labs.multigrid.learning import trained

LARGEST_MATRIX = 255
MODES_SIDE = 31


def plan(is_full: bool) -> Plan:
    sides = (31, 63, 127, 255, 511, 1023) if is_full else (31, 63, 127, 255)
    cut = 255 if is_full else 63
    steps = (300, 150) if is_full else (160, 50)
    return Plan(
        arms=(
            *(Arm(name=f"{n} x {n}", options={"side": n}) for n in sides),
            *(Arm(name=part, options={"cut": cut}) for part in PARTS),
            Arm(name="modes", seeds=(0,)),
            Arm(
                name="trained",
                options={"first": steps[0], "then": steps[1], "largest": sides[-1]},
            ),
        ),
        seeds=tuple(range(5 if is_full else 3)),
    )


def sides_to(largest: int) -> list[int]:
    """31, 63, ... to the largest."""
    return [2**k - 1 for k in range(5, largest.bit_length() + 1)]


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    generator = torch.Generator().manual_seed(seed)
    if "side" in arm.options:
        side = int(arm.options["side"])
        cycles, each = solved(side, generator)
        return {
            "factors": [factor(classical(n), side, generator) for n in (1, 2)],
            "cycles": cycles,
            "operations": operations(side),
            "microseconds": each,
            "amg": list(amg(side, generator)),
            "difference": difference(side, generator) if side <= LARGEST_MATRIX else math.nan,
        }
    if arm.name in PARTS:
        return without(arm.name, int(arm.options["cut"]), generator)
    if arm.name == "modes":
        sweep, theory = damping(None, MODES_SIDE)
        return {
            "sweep": sweep,
            "theory": theory,
            "cycle": damping(classical(1), MODES_SIDE)[0],
        }
    steps = (int(arm.options["first"]), int(arm.options["then"]))
    return trained(sides_to(int(arm.options["largest"])), steps, generator)


def conclude(runs: Runs) -> Conclusion:
    grids = grids_of(runs)
    largest = int(grids[-1].options["side"])
    factors = np.stack([runs.of(arm, "factors") for arm in grids])  # [grids, seeds, kinds]
    cycles = np.stack([runs.of(arm, "cycles") for arm in grids])
    errors = {part: runs.of(part, "errors")[:, -1] for part in PARTS}
    forgotten = runs.of("no skip", "f = 0")[:, -1] ** (1 / 10)
    smoothers, transfers = (runs.of("trained", key) for key in ("smoothers", "transfers"))
    sweep, theory = (runs.of("modes", key)[0] for key in ("sweep", "theory"))
    measured: dict[str, Sequence[float]] = {
        "spread": list(np.ptp(factors[:, :, 1], axis=0)),
        "cycles": list(np.ptp(cycles, axis=0)),
        "no-skip": list(errors["no skip"]),
        "no-coarse": list(errors["no coarse path"]),
        "learned": list(smoothers[:, -1] / factors[-1, :, 0]),
        "carried": list(smoothers[:, -1] / smoothers[:, 0]),
        "equal": [float(np.nanmax([runs.of(arm, "difference").max() for arm in grids]))],
        "full": list(errors["whole"]),
        "modes": [float(np.abs(sweep - theory).max())],
        "forgets": list(forgotten),
        "transfers": list(np.log2(transfers[:, -1] / transfers[:, 0])),
        "smooth": [smoothest(largest)],
    }
    return Conclusion(
        measured=measured,
        reading=_reading(runs, measured, factors, cycles),
        effects=(
            effect(
                "log10 of the error after 10 cycles",
                ("with the decoder's skips", list(np.log10(errors["whole"]))),
                ("without", list(np.log10(errors["no skip"]))),
            ),
        ),
        figures=figures(runs),
        tables=tables(runs),
    )


def _reading(
    runs: Runs,
    measured: Mapping[str, Sequence[float]],
    factors: np.ndarray,
    cycles: np.ndarray,
) -> str:
    mean = {key: float(np.mean(values)) for key, values in measured.items()}
    grids = grids_of(runs)
    sides = [int(arm.options["side"]) for arm in grids]
    sweeps = [forecast(n) for n in sides]
    smoothers, transfers = (runs.mean("trained", key) for key in ("smoothers", "transfers"))
    count = " to ".join(dict.fromkeys(f"{n:.0f}" for n in (cycles.min(), cycles.max())))
    work = [float(runs.mean(arm, "operations")) for arm in grids]
    return (
        f"From {sides[0]}^2 to {sides[-1]}^2 points V(2,2) multiplies the error by "
        f"{factors[:, :, 1].min():.3f} to {factors[:, :, 1].max():.3f} a cycle and takes "
        f"{count} of them to a residual of 1e-8, where Jacobi sweeps alone take by theory "
        f"{sweeps[0]:,} to {sweeps[-1]:,} for such an error; a cycle is {min(work):.0f} to "
        f"{max(work):.0f} floating-point operations a point. After 10 cycles the error is "
        f"{mean['full']:.0e}; without the decoder's skips {mean['no-skip']:.2f}, for of what "
        f"it was given a cycle then keeps what the coarsest grid holds (with f = 0 that looks like "
        f"convergence, by {mean['forgets']:.2f} a cycle); without the coarse path "
        f"{mean['no-coarse']:.2f}. Training the smoothers' 18 numbers on 31^2 points "
        f"takes V(1,1) from {factors[-1, :, 0].mean():.3f} to {smoothers[0]:.3f}, and to "
        f"{smoothers[-1]:.3f} on {sides[-1]}^2; training the transfers as well gives "
        f"{transfers[0]:.3f} on 31^2 and {transfers[-1]:.3f} on {sides[-1]}^2: "
        f"{'they do not carry over' if mean['transfers'] > 1 else 'they carry over'}."
    )


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
