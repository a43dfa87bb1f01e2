"""Lab: what a skip does to eigenvalues, and what eigenvalues say about depth.

For one matrix in all layers, signals change as |lambda|^L, with a skip as |1 + lambda|^L. It helps
exactly where |1 + lambda| > |lambda|, which is Re lambda > -1/2. Layers of a net differ, and then
the eigenvalues of a product are not the products of eigenvalues: there the second moment counts,
E gain^2 = prod E |J_l|_F^2 / n. And a matrix that is not normal may grow far before it decays.
"""

from __future__ import annotations

from collections.abc import Mapping

from plusone.labs.base import Arm, Lab, Plan
from plusone.labs.eigenvalues import powers
from plusone.labs.eigenvalues.claim import CLAIM
from plusone.labs.eigenvalues.conclusion import conclude
from plusone.labs.eigenvalues.nets import net_numbers

NETS = ("plain", "residual", "scaled residual")


def plan(is_full: bool) -> Plan:
    options = (
        {"width": 48, "blocks": 24, "steps": 600}
        if is_full
        else {"width": 32, "blocks": 10, "steps": 240}
    )
    nets = tuple(Arm(name=name, options=options) for name in NETS)
    given = Arm(name="given", seeds=(0,))
    return Plan(
        arms=(given, Arm(name="gaussian"), *nets),
        seeds=tuple(range(10 if is_full else 3)),
        data=("digits",),
    )


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    if arm.name == "given":
        return {
            **powers.given_eigenvalues(),
            "narrow": powers.least_log10_gain(0.1),
            "wide": powers.least_log10_gain(0.5),
            "norms": powers.norms_of_powers(powers.jordan(0.5, 32), powers.DEPTH),
        }
    if arm.name == "gaussian":
        return {**powers.second_moments(seed), **powers.slopes(seed)}
    return net_numbers(arm, seed)


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
