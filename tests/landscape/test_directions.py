"""Filter normalisation, and directions between two states."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from landscape.nets import mlp, residual_conv, tied
from plusone.errors import InputError
from plusone.landscape import (
    Direction,
    Terrain,
    direction_to,
    filter_normalised,
    random_direction,
    terrain,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def named(here: Terrain, direction: Direction) -> dict[str, torch.Tensor]:
    return dict(zip(here.layout.names, direction, strict=True))


def test_each_filter_is_as_long_as_its_weights() -> None:
    case = residual_conv()
    with terrain(*case.batch) as here:
        found = named(here, random_direction(here, generator=seeded()))
    for name in ("stem.weight", "first.weight", "head.weight"):
        weight = case.model.get_parameter(name)
        torch.testing.assert_close(
            found[name].flatten(1).norm(dim=1), weight.detach().flatten(1).norm(dim=1)
        )


def test_biases_and_norms_are_held_fixed() -> None:
    with terrain(*residual_conv().batch) as here:
        found = named(here, random_direction(here, generator=seeded()))
    moved = {name for name, tensor in found.items() if tensor.any()}
    assert moved == {"stem.weight", "first.weight", "second.weight", "head.weight"}


def test_a_norm_over_several_dimensions_is_held_fixed_too() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm((3, 4)))
    with terrain(model, torch.randn(2, 3, 4), loss_fn=torch.sum) as here:
        found = named(here, random_direction(here, generator=seeded()))
    assert not found["1.weight"].any()
    assert found["0.weight"].any()


def test_a_filter_of_zeros_gives_zeros() -> None:
    case = residual_conv()
    with torch.no_grad():
        case.model.head.weight.zero_()
        case.model.stem.weight[1].zero_()
    with terrain(*case.batch) as here:
        found = named(here, random_direction(here, generator=seeded()))
        zeros = filter_normalised(here, [torch.zeros_like(p) for p in here.parameters])
    assert not found["head.weight"].any()
    assert not found["stem.weight"][1].any()
    assert found["stem.weight"][0].any()
    assert all(not z.any() and torch.isfinite(z).all() for z in zeros)


def test_a_transposed_convolution_has_its_filters_along_its_outputs() -> None:
    model = nn.ConvTranspose2d(3, 5, 2)
    with terrain(model, torch.randn(1, 3, 4, 4), loss_fn=torch.sum) as here:
        found = named(here, random_direction(here, generator=seeded()))["weight"]
    expected = model.weight.detach().transpose(0, 1).flatten(1).norm(dim=1)
    torch.testing.assert_close(found.transpose(0, 1).flatten(1).norm(dim=1), expected)


def test_the_direction_scales_with_its_filter() -> None:
    case = mlp()
    with terrain(*case.batch) as here:
        before = named(here, random_direction(here, generator=seeded(1)))
    with torch.no_grad():
        case.model[0].weight[2] *= 7
    with terrain(*case.batch) as here:
        after = named(here, random_direction(here, generator=seeded(1)))
    torch.testing.assert_close(after["0.weight"][2], 7 * before["0.weight"][2])
    torch.testing.assert_close(after["0.weight"][0], before["0.weight"][0])


def test_the_generator_alone_decides() -> None:
    with terrain(*mlp().batch) as here:
        first, again, other = (random_direction(here, generator=seeded(s)) for s in (4, 4, 5))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_a_model_without_filters_is_refused() -> None:
    model = nn.BatchNorm1d(3)
    with (
        terrain(model, torch.randn(4, 3), loss_fn=torch.sum) as here,
        pytest.raises(InputError, match="no trainable parameter of BatchNorm1d has filters"),
    ):
        random_direction(here, generator=seeded())


def test_another_state_lies_at_one() -> None:
    case, other = tied(), tied()
    torch.manual_seed(9)
    with torch.no_grad():
        for parameter in other.model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    with terrain(*other.batch) as there:
        expected = there.value()
    with terrain(*case.batch) as here:
        direction = direction_to(here, other.model.state_dict())
        assert here.value([(1.0, direction)]) == pytest.approx(expected, rel=1e-12)


def test_a_state_that_does_not_fit_is_refused() -> None:
    with terrain(*mlp().batch) as here:
        with pytest.raises(InputError, match=r"the state holds no tensor '0.weight'"):
            direction_to(here, {})
        wrong = {name: torch.zeros(2) for name in here.layout.names}
        with pytest.raises(InputError, match=r"'0.weight' has the shape \(2,\) in the state"):
            direction_to(here, wrong)
