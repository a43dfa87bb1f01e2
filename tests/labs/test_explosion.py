from __future__ import annotations

import math

import pytest
import torch

from plusone.labs import blockwise
from plusone.labs.base import Arm, Plan
from plusone.labs.data import digits
from plusone.labs.explosion import LAB
from plusone.labs.explosion.nets import (
    COLUMNS,
    FORMS,
    Form,
    growth,
    made,
    mean_square_over_nets,
    scan_error,
    settle,
)

from support.reduced_lab import means, run_plan, verdicts


def columns(net: torch.nn.Module, *, has_skips: bool = True) -> dict[str, float]:
    return dict(zip(COLUMNS, growth(net, has_skips=has_skips)["columns"], strict=True))


def scaled_identities(net: torch.nn.Module, factor: float) -> torch.nn.Module:
    """Every branch becomes relu(relu(x + 100)) times the factor: linear there, and aligned."""
    for block in net.blocks:
        first, last = block.branch[1], block.branch[3]
        torch.nn.init.eye_(first.weight)
        torch.nn.init.constant_(first.bias, 100.0)
        torch.nn.init.eye_(last.weight)
        last.weight.data *= factor
        block.branch[0] = torch.nn.Identity()
    return net


def test_the_bound_is_met_where_all_branches_amplify_the_same_directions() -> None:
    net = scaled_identities(made(FORMS["residual"], 5, 8), 0.5)
    found = columns(net)
    expected = 5 * math.log10(1.5)
    for name in ("bound", "norm", "mean gain", "moments"):
        assert found[name] == pytest.approx(expected, abs=1e-6)
    assert found["beta"] == pytest.approx(0.5, abs=1e-6)


def test_branches_against_the_skip_shrink_where_the_bound_grows() -> None:
    net = scaled_identities(made(FORMS["residual"], 4, 8), -0.5)
    found = columns(net)
    assert found["norm"] == pytest.approx(4 * math.log10(0.5), abs=1e-6)
    assert found["bound"] == pytest.approx(4 * math.log10(1.5), abs=1e-6)


def test_a_rezero_net_is_the_identity_at_the_start() -> None:
    found = growth(made(FORMS["ReZero"], 6, 16), has_skips=True)
    assert found["columns"] == [0.0] * len(COLUMNS)


def test_settled_batch_norms_hold_the_statistics_of_the_training_digits() -> None:
    net = made(FORMS["batch norm"], 2, 16)
    settle(net)
    assert not net.training
    stream = net.stem(digits().inputs)
    norm = net.blocks[0].pre_norm
    torch.testing.assert_close(norm.running_mean, stream.mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, stream.var(0), rtol=1e-4, atol=1e-5)


def test_growth_is_that_of_the_dense_jacobian_of_the_stack() -> None:
    net = made(FORMS["batch norm"], 3, 12)
    found = columns(net)
    net.double()
    x = net.stem(digits().test_inputs[:3].double()).detach()
    dense = [torch.autograd.functional.jacobian(lambda z: net.blocks(z[None])[0], h) for h in x]
    gains = torch.stack([blockwise.rms_gain(jacobian) for jacobian in dense])
    assert found["mean gain"] == pytest.approx(float(gains.log10().mean()), abs=1e-6)


def test_the_mean_over_plain_he_nets_is_one() -> None:
    # E R = 1 at any depth; ln R of one net varies by about 3 L / n, here 0.1
    found = mean_square_over_nets(Form(has_skips=False), 2, 64)
    assert found == pytest.approx(0, abs=0.06)


def test_the_scan_s_beta_is_the_dense_jacobian_s_within_its_tolerance() -> None:
    assert scan_error(made(FORMS["residual"], 3, 40), 0) < 0.05


@pytest.mark.slow
@pytest.mark.lab
def test_the_bound_holds_and_tells_nothing_of_the_size() -> None:
    options = {"width": 24, "blocks": 6, "steps": 30, "deepest": 32}
    arms = tuple(Arm(name=name, options=options) for name in FORMS)
    result = run_plan(LAB, Plan(arms=arms, seeds=(0,), data=("digits",)))
    found = verdicts(result)
    assert found["never-above"] == found["rezero"] == "holds"
    assert found["bound-at-start"] == "fails"
    assert means(result)["bound-at-start"] > 5
    assert abs(means(result)["moment-trained"]) < 0.3
    assert result.effects[0].difference > 2
