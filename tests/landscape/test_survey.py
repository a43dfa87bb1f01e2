"""The whole survey: its parts, what Ctrl-C leaves, and what cannot be measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from capture.fingerprint import differences, fingerprint
from landscape.nets import mlp, residual_conv
from landscape.test_hessian import Cut, With
from plusone.errors import InputError
from plusone.landscape import (
    DensityConfig,
    EigenConfig,
    GridConfig,
    NotConvergedWarning,
    SurveyConfig,
    TraceConfig,
    survey,
)

QUICK = SurveyConfig(
    grid=GridConfig(points=5),
    eigenvalues=EigenConfig(tol=0.1),
    trace=TraceConfig(tol=2.0),
    density=DensityConfig(num_steps=10, tol=1.0),
)


def test_everything_is_there_and_the_model_as_found() -> None:
    case = residual_conv(torch.float32)
    before = fingerprint(case.model)
    found = survey(*case.batch, config=QUICK)
    assert not differences(before, fingerprint(case.model))
    assert found.num_parameters == 416
    assert found.eigenvalues is not None
    assert found.trace is not None
    assert found.density is not None
    assert found.surface is not None
    assert found.surface_shape is not None
    assert found.surface.losses[2][2] == found.loss
    assert len(found.slices) == len(found.slice_shapes) == 2
    assert found.slices[0].losses == found.surface.losses[2]
    assert not found.not_measured
    assert not found.is_interrupted


def test_slices_alone_are_those_of_the_surface() -> None:
    case = mlp()
    whole = survey(*case.batch, config=replace(QUICK, hessian=False))
    slices = survey(*case.batch, config=replace(QUICK, hessian=False, plane=False))
    assert slices.surface is None
    assert slices.eigenvalues is None
    assert slices.slices == whole.slices


def test_the_seed_draws_directions_and_probes() -> None:
    case = mlp()
    first, again, other = (
        survey(*case.batch, config=replace(QUICK, seed=seed)) for seed in (1, 1, 2)
    )
    assert replace(first, seconds=0.0) == replace(again, seconds=0.0)
    assert first.slices != other.slices


@pytest.mark.parametrize(
    ("stage", "kept", "missing"),
    [
        ("eigenvalues", ["eigenvalues"], ["trace", "density", "surface"]),
        ("trace", ["eigenvalues", "trace"], ["density", "surface"]),
        ("density", ["eigenvalues", "trace", "density"], ["surface"]),
        ("surface", ["eigenvalues", "trace", "density", "surface"], []),
    ],
)
def test_an_interruption_leaves_what_was_computed(
    stage: str, kept: list[str], missing: list[str]
) -> None:
    case = residual_conv(torch.float32)
    before = fingerprint(case.model)

    def progress(name: str, share: float) -> None:
        if name == stage:
            raise KeyboardInterrupt

    found = survey(*case.batch, config=QUICK, progress=progress)
    assert found.is_interrupted
    assert not differences(before, fingerprint(case.model))
    assert all(getattr(found, part) is not None for part in kept)
    assert all(getattr(found, part) is None for part in missing)
    if stage == "surface":
        assert found.surface is not None
        assert found.surface.losses[2].count(None) == 4


def test_interrupted_slices_are_kept() -> None:
    def progress(name: str, share: float) -> None:
        if share > 0.7:
            raise KeyboardInterrupt

    config = replace(QUICK, hessian=False, plane=False)
    found = survey(*mlp().batch, config=config, progress=progress)
    first, second = found.slices
    assert None not in first.losses
    assert second.losses.count(None) == 2
    assert len(found.slice_shapes) == 2


def test_a_loss_without_second_derivatives_still_has_a_surface() -> None:
    found = survey(With(Cut), torch.randn(3, 4), config=QUICK)
    (gap,) = found.not_measured
    assert gap.what == "curvature"
    assert "once_differentiable" in gap.why
    assert found.surface is not None
    assert found.eigenvalues is None


def test_a_model_without_filters_still_has_curvature() -> None:
    model = nn.BatchNorm1d(3)
    found = survey(model, torch.randn(8, 3), loss_fn=lambda y: y.pow(4).mean(), config=QUICK)
    (gap,) = found.not_measured
    assert gap.what == "slices and surface"
    assert found.eigenvalues is not None


def test_what_does_not_converge_warns() -> None:
    config = replace(QUICK, eigenvalues=EigenConfig(max_steps=1))
    with pytest.warns(NotConvergedWarning, match="eigenvalues after 1 product"):
        survey(*mlp().batch, config=config)


def test_a_bad_grid_is_refused_before_anything_is_computed() -> None:
    with pytest.raises(InputError, match="points is 4"):
        survey(*mlp().batch, config=SurveyConfig(grid=GridConfig(points=4)))
