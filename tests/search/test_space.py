"""The space: its places, its patterns by hand, its budget, and what is no space."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from plusone.errors import InputError
from plusone.search import Pattern, SpaceConfig, space_of
from plusone.target.subject import subject_of
from search.nets import by_hand, subject

PLAIN = subject()


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_pattern_computes_what_its_skips_say(data: st.DataObject) -> None:
    space = space_of(PLAIN)
    spans = tuple(data.draw(st.sampled_from(reach)) for reach in space.reach)
    x = PLAIN.args[0]
    made = space.model(Pattern(spans=spans))
    torch.testing.assert_close(made(x), by_hand(PLAIN.model, x, spans))


def test_every_span_back_to_the_output_of_the_first_layer_is_allowed() -> None:
    assert space_of(PLAIN).reach == tuple(tuple(range(t + 1)) for t in range(1, 6))
    short = space_of(PLAIN, SpaceConfig(max_span=2))
    assert short.reach[3] == (0, 1, 2)


def test_a_projection_leads_where_the_width_changes_and_is_counted() -> None:
    space = space_of(subject(narrow_at=3))
    pattern = Pattern(spans=(1, 1, 3, 1, 1), scale="zero")
    made = space.model(pattern)
    assert space.num_parameters(pattern) == sum(p.numel() for p in made.parameters())
    only = space_of(subject(narrow_at=3), SpaceConfig(kinds=("identity",)))
    assert only.reach[1] == (0,)
    assert 3 in only.reach[2]


def test_scales_multiply_the_branches() -> None:
    space = space_of(PLAIN, SpaceConfig(scales=("one", "rsqrt", "zero")))
    x = PLAIN.args[0]
    zero = space.model(Pattern(spans=(1,) * 5, scale="zero"))
    first = PLAIN.model[:2](x)
    torch.testing.assert_close(zero(x), PLAIN.model[-1](first))
    scaled = space.model(Pattern(spans=(1, 1, 1, 1, 0), scale="rsqrt"))
    h = first
    for t in range(1, 5):
        h = h + 0.5 * F.relu(PLAIN.model[2 * t](h))
    torch.testing.assert_close(scaled(x), PLAIN.model[10:](h))


def test_the_named_patterns_are_those_that_a_search_is_compared_with() -> None:
    named = {name: p.spans for name, p in space_of(PLAIN).named().items()}
    assert named == {
        "no skips": (0,) * 5,
        "all-skip": (1,) * 5,
        "period 2": (0, 2, 0, 2, 0),
        "period 4": (0, 0, 0, 4, 0),
    }
    few = space_of(PLAIN, SpaceConfig(max_skips=2)).named()
    assert list(few) == ["no skips", "period 2", "period 4"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (SpaceConfig(max_span=0), "max_span is 0; it must be 1 or more"),
        (SpaceConfig(kinds=()), "kinds are of identity, projection, not nothing"),
        (SpaceConfig(scales=("two",)), "scales are of one, rsqrt, zero, not 'two'"),  # type: ignore[arg-type]
        (SpaceConfig(max_parameters=10), "without any skip it has 459 parameters"),
    ],
)
def test_an_impossible_space_is_refused_in_one_sentence(config: SpaceConfig, words: str) -> None:
    with pytest.raises(InputError, match=words):
        space_of(PLAIN, config)


def test_a_model_without_places_is_an_empty_space() -> None:
    lone = subject_of(nn.Sequential(nn.Linear(4, 3)), torch.randn(16, 4))
    with pytest.raises(InputError, match="the search space of Sequential is empty"):
        space_of(lone)
    widths = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 6), nn.Linear(6, 3))
    with pytest.raises(InputError, match="is empty: 2 places"):
        space_of(subject_of(widths, torch.randn(16, 4)), SpaceConfig(kinds=("identity",)))


@pytest.mark.parametrize(
    ("spans", "words"),
    [((1, 1), "has 2 spans, and Sequential 5 places"), ((2, 0, 0, 0, 0), "no skip of span 2 can")],
)
def test_a_pattern_outside_the_space_is_refused(spans: tuple[int, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        space_of(PLAIN).model(Pattern(spans=spans))
