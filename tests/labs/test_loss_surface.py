"""The level at which nets are compared, and that a deep plain net's surface is the rougher one."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from plusone.labs import RunConfig, run_lab
from plusone.labs.base import Arm
from plusone.labs.loss_surface import measure
from plusone.labs.loss_surface.claim import LEVEL
from plusone.nn.models import MLP


def _net() -> tuple[nn.Module, tuple[torch.Tensor, torch.Tensor]]:
    torch.manual_seed(0)
    probe = (torch.randn(32, 8), torch.randint(4, (32,)))
    return MLP(8, 4, width=8, num_blocks=2, norm="batch"), probe


def test_the_level_is_met_between_two_steps_and_the_net_stays_as_it_was() -> None:
    model, probe = _net()
    kept = measure._Kept(model, probe)
    far, near = copy.deepcopy(model.state_dict()), copy.deepcopy(model.state_dict())
    far["head.bias"] = torch.tensor([9.0, -9.0, 9.0, -9.0])
    near["head.weight"] = torch.zeros(4, 8)
    near["head.bias"] = torch.zeros(4)  # the loss is ln 4 = 1.39, below the level
    model.load_state_dict(far)
    kept(0)
    assert kept.state is None
    model.load_state_dict(near)
    kept(1)
    assert kept.step == 1
    for name, value in model.state_dict().items():
        assert torch.equal(value, near[name]), name
    assert kept.state is not None
    model.load_state_dict(kept.state)
    model.train()
    with torch.no_grad():
        loss = float(F.cross_entropy(model(probe[0]), probe[1]))
    assert loss == pytest.approx(LEVEL, abs=0.05)
    assert loss <= LEVEL


def test_a_net_that_starts_below_the_level_is_not_taken_at_its_start() -> None:
    model, probe = _net()
    kept = measure._Kept(model, probe)
    with torch.no_grad():
        model.head.weight.zero_()
    kept(0)
    assert kept.state is None


@pytest.mark.slow
@pytest.mark.lab
def test_at_equal_loss_the_deep_plain_net_is_rougher_than_its_residual_twin() -> None:
    found = {}
    for net in ("plain", "residual"):
        (arm,) = [a for a in measure.plan(False).arms if a.name == f"deep {net}"]
        torch.manual_seed(0)
        found[net] = measure.measure(arm, 0)
    assert found["plain"]["negative"] > found["residual"]["negative"] + 0.1
    level = {net: numbers["level"] for net, numbers in found.items()}
    assert level["plain"]["nonconvex"] > level["residual"]["nonconvex"] + 0.1
    assert abs(level["plain"]["loss"] - level["residual"]["loss"]) < 0.1


def test_slices_of_a_net_are_its_losses_along_filter_normalised_directions() -> None:
    """Against the loss evaluated at the moved weights by hand."""
    model, probe = _net()
    arm = Arm(name="x", options={"slice": 5})
    with measure.terrain(model, *probe, F.cross_entropy) as here:
        generator = torch.Generator().manual_seed(1000)
        direction = measure.random_direction(here, generator=generator)
        first = next(iter(measure._slices(here, arm, 0)))
    by_hand = copy.deepcopy(model).train()
    with torch.no_grad():
        for parameter, d in zip(by_hand.parameters(), direction, strict=True):
            parameter.add_(d, alpha=-0.5)
        expected = float(F.cross_entropy(by_hand(probe[0]), probe[1]))
    assert first.losses[1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@pytest.mark.lab
def test_the_lab_says_that_planes_differ_and_draws_them(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    small = measure.plan(False)
    arms = tuple(
        Arm(
            name=a.name, options={**a.options, "num_blocks": 2, "steps": 20, "slice": 7, "plane": 3}
        )
        for a in small.arms
    )
    from plusone.labs.loss_surface import lab

    reduced = lab.Lab(
        claim=lab.CLAIM,
        plan=lambda is_full: measure.Plan(arms=arms, seeds=(0, 1)),
        measure=measure.measure,
        conclude=lab.conclude,
    )
    monkeypatch.setattr("plusone.labs.loss_surface.LAB", reduced)
    result = run_lab("loss-surface", RunConfig(folder=tmp_path))
    assert result.num_runs == 8
    assert [f.name for f in result.figures] == ["planes", "slices", "curvature"]
    assert all(np.isfinite(o.mean) for o in result.outcomes)
