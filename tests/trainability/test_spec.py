"""Architectures are exact, varied, and split by family before anything is fitted."""

from __future__ import annotations

import pytest
import torch
from benchmarks.trainability import patterns
from benchmarks.trainability.data import adjacency, images
from benchmarks.trainability.nets import build
from benchmarks.trainability.spec import (
    ACTIVATIONS,
    KINDS,
    MAX_DEPTH,
    NORMS,
    PATTERNS,
    is_held_out,
    random_arch,
)

FEW = [
    next(a for a in map(random_arch, range(1000)) if a.kind == k and a.depth < 20) for k in KINDS
]


def test_a_seed_gives_the_same_architecture_and_the_same_weights_twice() -> None:
    for arch in FEW:
        assert random_arch(arch.seed) == arch
        one, other = build(arch).state_dict(), build(arch).state_dict()
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_building_leaves_the_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    build(FEW[0])
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_thousand_seeds_cover_every_kind_pattern_norm_and_activation() -> None:
    arches = [random_arch(seed) for seed in range(1000)]
    assert {a.kind for a in arches} == set(KINDS)
    assert {a.pattern for a in arches} == set(PATTERNS)
    assert {a.norm for a in arches} == set(NORMS)
    assert {a.activation for a in arches} == set(ACTIVATIONS)
    assert all(4 <= a.depth <= MAX_DEPTH[a.kind] for a in arches)
    assert max(a.depth for a in arches) > 290


def test_held_out_families_hold_every_kind_norm_and_activation() -> None:
    held = {a.family for a in map(random_arch, range(1000)) if is_held_out(a.family)}
    kinds, _, norms, activations = zip(*(f.split("/") for f in held), strict=True)
    assert (set(kinds), set(norms), set(activations)) == (set(KINDS), set(NORMS), set(ACTIVATIONS))


def test_long_range_skips_are_never_used_for_fitting() -> None:
    assert is_held_out("mlp/long_range/none/relu")


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (patterns.plain(3), ((), (), ())),
        (patterns.residual(3), ((0,), (1,), (2,))),
        (patterns.periodic(5, period=2), ((), (0,), (), (2,), ())),
    ],
)
def test_a_pattern_names_the_states_that_each_layer_adds(
    sources: patterns.Sources, expected: patterns.Sources
) -> None:
    assert sources == expected


def test_a_long_range_skip_goes_around_two_layers_at_least() -> None:
    for arch in map(random_arch, range(300)):
        if arch.pattern == "long_range":
            assert any(arch.sources)
            for layer, sources in enumerate(arch.sources):
                assert all(0 <= s < layer for s in sources)


def test_the_patches_of_a_graph_hold_every_pixel_once() -> None:
    rows = images("mlp").inputs[:5].sort(1).values
    nodes = images("graph").inputs[:5].flatten(1).sort(1).values
    assert torch.equal(rows, nodes)


def test_the_graph_is_connected_and_normalised() -> None:
    A = adjacency().double()
    assert torch.allclose(A, A.T)
    assert float(torch.linalg.eigvalsh(A).max()) == pytest.approx(1.0, abs=1e-6)
    assert bool((torch.linalg.matrix_power(A, 16) > 0).all())
