from __future__ import annotations

import cmath
import math

import pytest
import torch

from plusone.labs.base import Arm, Plan
from plusone.labs.eigenvalues import LAB, powers
from plusone.labs.eigenvalues.nets import net_numbers

from support.reduced_lab import means, run_plan, verdicts


@pytest.mark.parametrize("eigenvalue", [0.5, -0.9, 0.3 + 0.4j, -0.5 + 0.2j, cmath.rect(1, 2)])
@pytest.mark.parametrize("has_skip", [False, True])
def test_a_multiplied_gain_is_the_power_of_the_eigenvalue(
    eigenvalue: complex, has_skip: bool
) -> None:
    found = powers.log10_gain(eigenvalue, 50, has_skip=has_skip)
    assert found == pytest.approx(50 * math.log10(abs(eigenvalue + has_skip)), abs=1e-11)


def test_the_power_of_a_jordan_block_is_the_binomial_theorem() -> None:
    size, depth = 8, 20
    binomial = torch.zeros(size, size, dtype=torch.float64)
    for k in range(size):
        ones = torch.ones(size - k, dtype=torch.float64)
        binomial += torch.diag(math.comb(depth, k) * 0.5 ** (depth - k) * ones, k)
    expected = math.log10(float(torch.linalg.svdvals(binomial)[0]))
    found = powers.norms_of_powers(powers.jordan(0.5, size), depth)
    assert found[-1] == pytest.approx(expected, abs=1e-12)
    assert len(found) == depth


def test_the_second_moments_follow_their_laws_from_the_first_layer_on() -> None:
    found = powers.second_moments(7)
    for kind, law in powers.moment_laws().items():
        # 100 draws of |W v|^2, each a chi-square of 128 degrees: 0.125 relative, 0.0125 of the mean
        assert found[kind][0] == pytest.approx(math.log10(law), abs=0.025)
        assert found[kind][9] == pytest.approx(10 * math.log10(law), abs=0.12)


def test_dead_branches_leave_the_identity_and_its_eigenvalues(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from plusone.labs.eigenvalues import nets

    def kill(net: torch.nn.Module, *rest: object) -> None:
        for block in net.blocks:
            torch.nn.init.zeros_(block.branch[-1].weight)

    monkeypatch.setattr(nets, "train", kill)
    options = {"width": 8, "blocks": 3, "steps": 1}
    found = net_numbers(Arm(name="residual", options=options), 0)
    assert found["after"] == pytest.approx([0, 0, 0], abs=1e-12)
    assert found["helped"][1] == 1.0
    assert all(abs(re) < 1e-6 and abs(im) < 1e-6 for re, im in found["eigenvalues"])
    assert found["before"][0] > 0.05


@pytest.mark.slow
@pytest.mark.lab
def test_the_shift_helps_but_eigenvalues_do_not_foretell_a_residual_net() -> None:
    options = {"width": 24, "blocks": 6, "steps": 80}
    names = ("plain", "residual", "scaled residual")
    plan = Plan(
        arms=(
            Arm(name="given", seeds=(0,)),
            Arm(name="gaussian"),
            *(Arm(name=name, options=options) for name in names),
        ),
        seeds=(0, 1),
        data=("digits",),
    )
    result = run_plan(LAB, plan)
    found = verdicts(result)
    assert result.verdict == "mixed"
    assert {found[key] for key in ("plain-half", "narrow-band", "helped-iff")} == {"holds"}
    assert {found[key] for key in ("closed-form", "second-moment", "non-normal")} == {"holds"}
    assert found["wide-band"] == "fails"
    assert means(result)["slope-residual"] > 2 * abs(means(result)["slope-by-moment"])
    assert [figure.name for figure in result.figures] == ["shift", "slopes", "products"]
