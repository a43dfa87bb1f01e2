"""The page of a search: its numbers are the result's, and it needs nothing from outside."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from plusone.report.numerals import number, percent
from plusone.search import (
    Pattern,
    Result,
    SearchConfig,
    Space,
    SpaceConfig,
    Training,
    Tried,
    search,
    space_of,
)
from plusone.search.guide import chain_of, laws, promise
from plusone.search.show.counts import best_quarter, pareto_front, rank_correlation
from plusone.target.subject import subject_of
from search.nets import subject

from support.markup import check_offline, read

PLAIN = subject()
SPACE = space_of(PLAIN)
NAMED = {pattern: name for name, pattern in SPACE.named().items()}
SPANS = st.tuples(*(st.sampled_from(reach) for reach in SPACE.reach))
SCORES = st.one_of(st.floats(-1e3, 1.0), st.just(-math.inf))


def result_of(
    spans: Sequence[tuple[int, ...]], scores: Sequence[float], space: Space = SPACE
) -> Result:
    """As if these patterns had been trained in their order to these scores."""
    patterns = [Pattern(spans=s) for s in spans]
    tried = [
        Tried(
            pattern=pattern,
            score=score,
            number=2 * k,
            num_parameters=space.num_parameters(pattern),
            seconds=0.1,
            baseline=NAMED.get(pattern, ""),
        )
        for k, (pattern, score) in enumerate(zip(patterns, scores, strict=True))
    ]
    order = sorted(tried, key=lambda t: (-t.score, t.pattern.num_skips, t.number))
    return Result(
        space=space, tried=tuple(order), num_pruned=3, measure="-loss", sampler="random", seed=0
    )


def some(scores: Sequence[float] = (-2.3, -0.7, -0.9, -1.0, -0.3, -0.5, -0.4, -0.6)) -> Result:
    """The baselines and a few others."""
    others = [(0, 1, 3, 0, 5), (1, 0, 1, 4, 0), (0, 2, 0, 0, 1), (1, 2, 0, 0, 0)]
    return result_of([*(p.spans for p in NAMED), *others], scores)


def text_of(markup: str) -> str:
    return " ".join(" ".join(read(markup).text).split())


@pytest.mark.parametrize("sampler", ["theory", "random"])
def test_the_page_of_a_search_is_well_formed_and_offline(sampler: str) -> None:
    config = SearchConfig(trials=2, sampler=sampler, training=Training(steps=2))  # type: ignore[arg-type]
    result = search(PLAIN, config)
    page = result.to_html()
    check_offline(page)
    checker = read(page)
    assert not [key for key, _ in checker.attributes if key == "id" or key.startswith("on")]
    assert ("Promise in closed form against score" in page) is (sampler == "theory")
    assert f"Best score {number(result.best.score, digits=4)}" in page
    assert html.escape(result.code(), quote=False).replace('"', "&#34;") in page


@given(
    tried=st.lists(st.tuples(SPANS, SCORES), min_size=1, max_size=12, unique_by=lambda t: t[0]),
    has_chain=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_every_result_has_a_page(
    tried: list[tuple[tuple[int, ...], float]], has_chain: bool
) -> None:
    result = result_of([s for s, _ in tried], [x for _, x in tried])
    page = replace(result, chain=CHAIN if has_chain else None).to_html()
    check_offline(page)
    assert "nan" not in text_of(re.sub("<style>.*?</style>", "", page, flags=re.DOTALL))
    assert not re.search(r'"[^"]*(nan|inf)[^"]*"', "".join(re.findall(r' d="[^"]*"', page)))


CHAIN = chain_of(SPACE)


def test_the_table_has_the_best_and_the_baselines_with_their_differences() -> None:
    result = some()
    rows = re.findall(r"<tr.*?>(<th scope=\"row\">.*?)</tr>", result.to_html())
    found = [re.findall(r">([^<]+)</t[hd]>", row) for row in rows]
    by_name = {t.baseline: t for t in result.tried if t.baseline}
    shown = [result.best, *(t for t in result.tried if t.baseline)]
    assert [row[0] for row in found] == [t.baseline or "best pattern" for t in shown]
    for row, t in zip(found, shown, strict=True):
        assert float(row[1]) == pytest.approx(t.score, rel=1e-3)
        if t is not by_name["all-skip"]:
            assert float(row[2]) == pytest.approx(t.score - by_name["all-skip"].score, rel=1e-2)
        assert int(row[3].replace(",", "")) == t.num_parameters
        assert int(row[4]) == t.pattern.num_skips


def test_the_density_profile_is_that_of_counting() -> None:
    result = some()
    page = result.to_html()
    best, every = result.tried[:2], result.tried
    for place in range(1, len(SPACE.places)):
        a, b = (sum(t.pattern.spans[place - 1] > 0 for t in x) / len(x) for x in (best, every))
        path = SPACE.places[place].path
        hint = f"{place + 1}  {path}: {percent(a)} of the best quarter, {percent(b)} of all"
        assert html.escape(hint, quote=False).replace(">", "&gt;") in page
    figure = page[page.index("Where skips return") :]
    found = re.search(r'<path d="([^"]*)" class="share">', figure)
    assert found is not None
    tops = [float(y) for y in re.findall(r"V([\d.]+)h", found[1])]
    floor = float(re.findall(r"M[\d.]+ ([\d.]+)V", found[1])[0])
    shares = [sum(t.pattern.spans[k] > 0 for t in best) / 2 for k in range(SPACE.num_layers)]
    heights = [(floor - top) / (floor - min(tops)) for top in tops]
    assert heights == pytest.approx([s / max(shares) for s in shares if s], abs=0.01)


def test_the_hints_of_spans_are_shares_of_the_skips() -> None:
    result = some()
    page = result.to_html()
    best = [s for t in best_quarter(result.tried) for s in t.pattern.spans if s]
    every = [s for t in result.tried for s in t.pattern.spans if s]
    for span in range(1, max(every) + 1):
        a, b = best.count(span) / len(best), every.count(span) / len(every)
        assert f"span {span}: {percent(a)} of the best quarter, {percent(b)} of all" in page


def test_the_front_that_is_drawn_has_a_corner_at_each_of_its_patterns() -> None:
    result = some()
    costs = [float(t.pattern.num_skips) for t in result.tried]
    front = pareto_front(costs, [t.score for t in result.tried])
    figure = result.to_html().split("Score against skips")[1]
    found = re.search(r'<path d="([^"]*)" class="front">', figure[figure.index("grid") :])
    assert found is not None
    assert len(re.findall("[ML]", found[1])) == 1 + 2 * (len(front) - 1) + 1


def test_parameters_are_the_cost_where_they_differ() -> None:
    space = space_of(subject(narrow_at=3))
    named = space.named()
    spans = [named[name].spans for name in ("all-skip", "no skips")]
    page = result_of(spans, [-0.2, -0.5], space).to_html()
    assert "Score against parameters" in page
    assert "parameters added to the model" in page
    assert "projection (2)" in page


def test_the_scale_of_the_branches_is_said_where_there_was_a_choice() -> None:
    space = space_of(PLAIN, SpaceConfig(scales=("one", "rsqrt")))
    found = result_of([(1, 0, 0, 0, 0)], [-0.2], space)
    (best,) = found.tried
    scaled = replace(best, pattern=replace(best.pattern, scale="rsqrt"))
    text = text_of(replace(found, tried=(scaled,)).to_html())
    assert "scale of its branches rsqrt" in text
    assert "scale of its branches" not in text_of(some().to_html())


def test_the_rank_correlation_is_said_with_its_spread_by_chance() -> None:
    result = replace(some(), chain=CHAIN, sampler="theory")
    law = laws(SPACE, CHAIN, [t.pattern for t in result.tried])
    promises = promise(law).tolist()
    expected = rank_correlation(promises, [t.score for t in result.tried])
    text = text_of(result.to_html())
    assert f"Rank correlation (Spearman) of 8 patterns: {expected:.2f}" in text
    assert f"standard deviation of {7**-0.5:.2f}" in text
    alike = replace(result, tried=tuple(replace(t, score=0.5) for t in result.tried))
    assert "no rank correlation" in text_of(alike.to_html())


def test_of_fewer_than_five_patterns_nothing_is_said_of_the_promise() -> None:
    result = replace(some(), chain=CHAIN)
    page = replace(result, tried=result.tried[:4]).to_html()
    assert "closed form" not in page


def test_diverged_trainings_stand_in_a_lane_of_their_own() -> None:
    page = some((-math.inf, -0.7, -0.9, -1.0, -0.3, -0.5, -math.inf, -0.6)).to_html()
    check_offline(page)
    assert "Crosses below the axis: 2 patterns that diverged" in page
    assert re.search(r'class="tick">-inf</text>', page)
    assert "<td>-inf</td><td>-inf</td>" in page, "no skips, and its difference from all-skip"


def test_where_all_diverged_there_is_no_figure_of_scores() -> None:
    page = some((-math.inf,) * 8).to_html()
    assert "No training ended with a finite score" in page
    assert "Score by trial" not in page
    assert "Skips of the best pattern" in page


def test_a_search_that_was_interrupted_has_a_page() -> None:
    one = replace(result_of([(0, 0, 0, 0, 0)], [-1.5]), is_interrupted=True)
    text = text_of(one.to_html())
    assert "Interrupted: these are the trials that were finished" in text
    assert "The best pattern has no skips: the model stays as it is" in text
    none = replace(one, tried=())
    assert "No pattern was trained" in text_of(none.to_html())
    check_offline(none.to_html())


def test_names_cannot_break_out_of_the_page() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for k in range(3):
                self.add_module(f"<script>alert({k})", nn.Linear(8, 8))

        def forward(self, x):  # type: ignore[no-untyped-def]
            for child in self.children():
                x = child(x).relu()
            return x

    odd = subject_of(Odd(), PLAIN.args[0], PLAIN.targets, F.cross_entropy)
    space = space_of(odd)
    result = result_of([(1,), (0,)], [0.5, 0.4], space)
    page = result.to_html()
    assert read(page).tags.count("script") == 1
    assert "&lt;script&gt;alert" in page


def test_the_embedded_numbers_are_those_of_the_json() -> None:
    result = some()
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', result.to_html())
    assert found is not None
    assert json.loads(found[1]) == json.loads(json.dumps(result.numbers()))
