"""The guide: a model's layers measured, and its patterns ordered without training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from capture.fingerprint import differences, fingerprint
from plusone.search import Pattern, SpaceConfig, space_of
from plusone.search.guide import chain_of, laws, promise, proposals, random_pattern, screened
from plusone.target.subject import Subject, subject_of
from search.nets import nodes_by_hand, subject


def he_net(
    activation: type[nn.Module] = nn.ReLU, *, depth: int = 9, gain: float = 2.0, seed: int = 0
) -> Subject:
    torch.manual_seed(seed)
    width = 256
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(width, width, bias=False), activation()]
        nn.init.normal_(layers[-2].weight, std=(gain / width) ** 0.5)  # type: ignore[arg-type]
    model = nn.Sequential(*layers, nn.Linear(width, 10))
    return subject_of(model, torch.randn(64, width), torch.arange(64) % 10, F.cross_entropy)


def test_hes_layers_have_strength_one_and_halves_one_half() -> None:
    whole, half = (chain_of(space_of(he_net(gain=g))) for g in (2.0, 1.0))
    assert (whole.activation, whole.order, whole.has_norm) == ("relu", "last", False)
    assert whole.strength.mean() == pytest.approx(1.0, abs=0.1)
    assert half.strength.mean() == pytest.approx(0.5, abs=0.05)
    assert whole.moment is not None
    assert whole.moment[1:].mean() == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(
    "spans", [(0,) * 8, (1,) * 8, (0, 2, 0, 2, 0, 2, 0, 2), (1, 0, 3, 0, 1, 2, 0, 8)]
)
def test_its_gradient_is_that_of_the_model_with_the_pattern(spans: tuple[int, ...]) -> None:
    space = space_of(he_net())
    pattern = Pattern(spans=spans)
    law = laws(space, chain_of(space), [pattern])
    nodes = nodes_by_hand(space.subject.model, space.subject.args[0], spans)
    u = torch.randn_like(nodes[-1])
    (g,) = torch.autograd.grad(nodes[-1], nodes[0], u)
    measured = float(torch.log10(g.norm() / u.norm()))
    assert float(law.log10_typical_norm[0]) == pytest.approx(measured, abs=0.08)


def test_the_proposals_are_the_most_promising_of_the_pool() -> None:
    space = space_of(subject())
    chain = chain_of(space)
    pool, heights = screened(space, chain)
    found = proposals(space, chain, 5)
    own = promise(laws(space, chain, found), space.num_layers)
    assert sorted(own, reverse=True) == pytest.approx(sorted(heights, reverse=True)[:5])
    assert len(set(pool)) == len(pool)
    bare = promise(laws(space, chain, [Pattern(spans=(0,) * 5)]), 5)
    assert own.min() > bare[0]


def test_random_patterns_keep_to_the_budget() -> None:
    config = SpaceConfig(max_skips=3, max_span=2, max_parameters=700)
    space = space_of(subject(narrow_at=2), config)
    rng = np.random.default_rng(0)
    drawn = [random_pattern(space, rng) for _ in range(200)]
    assert all(not space.excess(pattern) for pattern in drawn)
    assert {pattern.num_skips for pattern in drawn} == {0, 1, 2, 3}
    for pattern in drawn:
        space.check(pattern)


def test_the_model_is_left_as_it_was() -> None:
    given = he_net()
    before, state = fingerprint(given.model), torch.get_rng_state()
    chain_of(space_of(given))
    assert differences(before, fingerprint(given.model)) == []
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("kind", "name"), [(nn.Tanh, "tanh"), (nn.GELU, "gelu"), (nn.SiLU, "gelu")]
)
def test_the_activation_is_read_from_the_model(kind: type[nn.Module], name: str) -> None:
    assert chain_of(space_of(he_net(kind, depth=3))).activation == name
