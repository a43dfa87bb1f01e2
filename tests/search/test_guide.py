"""The guide: a model's layers measured, and its patterns ordered without training."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn
from torch.nn import functional as F

from capture.fingerprint import differences, fingerprint
from plusone.search import Pattern, Space, SpaceConfig, space_of
from plusone.search.guide import chain_of, laws, promise, random_pattern, screened
from plusone.search.space import Scale
from plusone.target.subject import Subject, subject_of
from plusone.theory import WINDOW, PatternLaw
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
    assert (whole.activation, whole.order) == ("relu", "last")
    assert not np.any(whole.has_norm)
    assert whole.strength.mean() == pytest.approx(1.0, abs=0.1)
    assert half.strength.mean() == pytest.approx(0.5, abs=0.05)
    assert whole.moment is not None
    assert whole.moment[1:].mean() == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("scale", ["one", "rsqrt"])
@pytest.mark.parametrize(
    ("kind", "least_of_gaps"),
    # Through tanh the samples stay as far apart as they were: there is no order to find.
    [(nn.ReLU, 0.7), (nn.GELU, 0.7), (nn.Tanh, None)],
)
def test_gradient_and_gap_are_those_of_the_model_with_the_pattern(
    kind: type[nn.Module], least_of_gaps: float | None, scale: Scale
) -> None:
    space = space_of(he_net(kind), SpaceConfig(scales=(scale,)))
    patterns = [random_pattern(space, np.random.default_rng(k)) for k in range(16)]
    patterns += [Pattern(spans=(0,) * 8, scale=scale), Pattern(spans=(1,) * 8, scale=scale)]
    law = laws(space, chain_of(space), patterns)
    measured = np.array([measured_on(space, pattern) for pattern in patterns])
    # A factor of two in a layer's strength would be 1.2 decades over the plain net.
    assert np.abs(law.log10_typical_norm - measured[:, 0]).max() < 0.1
    if least_of_gaps is None:
        np.testing.assert_allclose(law.log_gap, measured[:, 1], atol=0.02)
    else:
        assert spearmanr(law.log_gap, measured[:, 1]).statistic > least_of_gaps


def measured_on(space: Space, pattern: Pattern) -> tuple[float, float]:
    """log10 of a gradient's ratio over the places, and ln(1 - c) at the last one."""
    model, x = space.subject.model, space.subject.args[0]
    factor = max(pattern.num_skips, 1) ** -0.5 if pattern.scale == "rsqrt" else 1.0
    nodes = nodes_by_hand(model, x, pattern.spans, factor)  # type: ignore[arg-type]
    u = torch.randn(nodes[-1].shape, generator=torch.Generator().manual_seed(0))
    (g,) = torch.autograd.grad(nodes[-1], nodes[0], u)
    with torch.no_grad():
        rows = F.normalize(nodes[-1], dim=1)
        others = rows @ rows.T - torch.eye(len(rows))
        cosine = float(others.sum()) / (len(rows) * (len(rows) - 1))
    return float(torch.log10(g.norm() / u.norm())), math.log(1 - cosine)


def test_the_gradient_is_right_where_some_layers_have_a_norm() -> None:
    torch.manual_seed(0)
    width, depth = 256, 9
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.LayerNorm(width), nn.Linear(width, width, bias=False), nn.ReLU()]
        nn.init.normal_(layers[-2].weight, std=(2 / width) ** 0.5)  # type: ignore[arg-type]
    model = nn.Sequential(*layers, nn.Linear(width, 10))
    x, y = torch.randn(64, width), torch.arange(64) % 10
    space = space_of(subject_of(model, x, y, F.cross_entropy))
    chain = chain_of(space)
    assert list(np.atleast_1d(chain.has_norm)) == [True] * 8 + [False]  # the head has none
    patterns = [random_pattern(space, np.random.default_rng(k)) for k in range(12)]
    law = laws(space, chain, patterns)
    for number, pattern in enumerate(patterns):
        # A place is in front of a linear layer, behind its norm; the last is the head.
        nodes = [layers[0](x)]
        for t, span in enumerate(pattern.spans, start=1):
            value = layers[3 * t - 1](layers[3 * t - 2](nodes[-1]))
            value = value if t == depth else layers[3 * t](value)
            nodes.append(value + nodes[t - span] if span else value)
        u = torch.randn(nodes[-1].shape, generator=torch.Generator().manual_seed(0))
        (g,) = torch.autograd.grad(nodes[-1], nodes[0], u)
        measured = float(torch.log10(g.norm() / u.norm()))
        assert float(law.log10_typical_norm[number]) == pytest.approx(measured, abs=0.1)


def test_the_pool_is_ordered_by_its_promise_without_repeats() -> None:
    space = space_of(subject())
    chain = chain_of(space)
    pool, heights = screened(space, chain)
    assert list(heights) == sorted(heights, reverse=True)
    assert len(set(pool)) == len(pool)
    own = promise(laws(space, chain, pool))
    np.testing.assert_allclose(own, heights)
    bare = promise(laws(space, chain, [Pattern(spans=(0,) * 5)]))
    assert heights[0] > bare[0]


def law_with(depth: float, decades: float) -> PatternLaw:
    space = space_of(subject())
    law = laws(space, chain_of(space), [Pattern(spans=(0,) * 5)])
    norm = np.array([decades * math.log(10)])
    return replace(law, effective_depth=np.array([depth]), mean_log_norm=norm)


@pytest.mark.parametrize(
    ("depth", "decades", "expected"),
    [
        (0.4, 0, 0.0),
        (0.8, 0, -np.log(2)),
        (0.2, 0, -0.3 * np.log(2)),
        (0.0, 0, -0.3 * np.log(40)),
        (0.4, -2, -0.4),
        (0.4, 2, -0.4),
        (0.4, WINDOW + 1, -0.2 * (WINDOW + 1) - 5),
        (float("nan"), 0, -np.inf),
    ],
)
def test_the_promise_falls_off_around_the_best_depth_and_with_each_decade(
    depth: float, decades: float, expected: float
) -> None:
    assert promise(law_with(depth, decades))[0] == pytest.approx(expected)


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
