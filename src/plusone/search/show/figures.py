"""The figures of a search in reading order, each with what it shows and in which units."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from plusone.records import ReportData
from plusone.report.arcs import arc_map
from plusone.report.axes import NARROW, WIDE
from plusone.report.facts import paths_sentence
from plusone.report.figures import Figure
from plusone.report.numerals import counted, number, percent
from plusone.report.places import common_prefix
from plusone.search.guide import laws, promise
from plusone.search.result import Result, Tried
from plusone.search.show.chain import chain_data
from plusone.search.show.counts import best_quarter, rank_correlation, return_shares, span_shares
from plusone.search.show.labels import place_labels
from plusone.search.show.plane import limits
from plusone.search.show.plots import by_cost, by_promise, by_trial, costs_of
from plusone.search.show.shares import return_profile, span_histogram

FEWEST = 5
"""Patterns below which the closed form's promise is not set against their scores."""
_CROSSES = (
    "Crosses below the axis: {} that diverged (-infinity) or scored so far below the rest that "
    "it would be pressed together."
)
_LOST = " Crosses at the edges are beyond an axis."


def best_figure(result: Result) -> Figure:
    """The best pattern's skips over the places."""
    data = chain_data(result.space, result.best.pattern)
    prefix = common_prefix(data.blocks).removesuffix(".")
    inside = f" inside {prefix}" if prefix else ""
    return _figure(
        "Skips of the best pattern",
        "Layers that a skip can leave or return in front of, from input (left) to output (right), "
        f"named by their module paths{inside}. An arc is a skip around the layers below it: it "
        "leaves in front of the first of them and is added in front of the next one behind the "
        "last. Filled layers have a skip around them. Paths from the first place to the last: "
        f"{paths_sentence(data.structure.paths).replace('block', 'layer')}.",
        lambda width: arc_map(data, width=width, labels=place_labels),
    )


def rivals(result: Result) -> tuple[tuple[str, Markup], ...]:
    """All-skip and the best other baseline, small, unless it is the best pattern or has no skip."""
    named = [t for t in result.tried[1:] if t.baseline and t.pattern.num_skips]
    others = [t for t in named if t.baseline != "all-skip"][:1]
    shown = [t for t in named if t.baseline == "all-skip" or t in others]
    return tuple(
        (
            f"{t.baseline}: {number(t.score, digits=4)}",
            Markup(arc_map(chain_data(result.space, t.pattern), width=NARROW, labels=place_labels)),
        )
        for t in shown
    )


def figures(result: Result) -> tuple[Figure, ...]:
    """All figures behind the first; none where no score is finite."""
    if not best_quarter(result.tried):
        return ()
    _, name = costs_of(result)
    crosses = _crosses(result)
    return (
        *_quarter_figures(result, chain_data(result.space, result.best.pattern)),
        _figure(
            "Score by trial",
            f"{_scored(result)} Steps: the best so far. Diamonds are the baselines that every "
            f"search trains, their names at the right. {crosses}",
            lambda width: by_trial(result, width=width),
        ),
        *_promise_figure(result),
        _figure(
            f"Score against {'parameters' if 'parameters' in name else 'skips'}",
            f"{_scored(result)} Across: {name}. On the line are the patterns of the Pareto front: "
            f"no other has a higher score for as few or fewer, or the same for fewer. {crosses}",
            lambda width: by_cost(result, width=width),
        ),
    )


def _figure(title: str, caption: str, draw: Callable[[float], str]) -> Figure:
    wide, narrow = Markup(draw(WIDE)), Markup(draw(NARROW))
    return Figure(title=title, caption=caption.strip(), wide=wide, narrow=narrow)


def _quarter_figures(result: Result, places: ReportData) -> tuple[Figure, ...]:
    """Where the skips of the best quarter return, and of what spans they are."""
    best, every = [t.pattern for t in best_quarter(result.tried)], [t.pattern for t in result.tried]
    these = (
        f"the best quarter by score ({len(best)} of {counted(len(every), 'trained pattern')}, "
        f"baselines among them; one pattern is {percent(1 / len(best))})"
    )
    found = [
        _figure(
            "Where skips return",
            f"Bars: for each place the share of {these} that have a skip returning there. Line: "
            "the same share of all trained patterns. A bar above the line: good patterns have a "
            "skip there more often than those that were tried.",
            lambda width: return_profile(
                places.blocks, return_shares(best), return_shares(every), width=width
            ),
        )
    ]
    longest = max(span for p in every for span in p.spans)
    if longest:
        num_skips = sum(p.num_skips for p in best)
        found.append(
            _figure(
                "Spans",
                f"Bars: of {counted(num_skips, 'skip')} in the best quarter, the share that spans "
                "so many places. Line: the same of the skips in all trained patterns.",
                lambda width: span_histogram(
                    span_shares(best, longest=longest),
                    span_shares(every, longest=longest),
                    width=width,
                ),
            )
        )
    return tuple(found)


def _promise_figure(result: Result) -> tuple[Figure, ...]:
    """What theory promised against what training gave; nothing of few patterns or no theory."""
    tried = result.tried
    if result.chain is None or len(tried) < FEWEST:
        return ()
    law = laws(result.space, result.chain, [t.pattern for t in tried])
    promises: list[float] = promise(law).tolist()
    order = rank_correlation(promises, [t.score for t in tried])
    told = (
        "One of the two is the same for all patterns, so that they have no rank correlation."
        if order is None
        else f"Rank correlation (Spearman) of {counted(len(tried), 'pattern')}: {order:.2f}; by "
        f"chance it is 0 with a standard deviation of {(len(tried) - 1) ** -0.5:.2f}."
    )
    return (
        _figure(
            "Promise in closed form against score",
            "Across: the promise by which theory as the guide orders patterns before training, of "
            f"which only the order means anything. {_scored(result)} {told} It is of patterns that "
            "were chosen, many of them for their promise."
            f"{_LOST if _off(promises) or _off([t.score for t in tried]) else ''}",
            lambda width: by_promise(tried, promises, measure=result.measure, width=width),
        ),
    )


def _scored(result: Result) -> str:
    return f"Up: {score_name(result)}, higher is better."


def score_name(result: Result) -> str:
    """What a score is, in words."""
    names = {
        "accuracy": "accuracy on the held-out samples (share, 0 to 1)",
        "-loss": "minus the mean loss on the held-out samples",
    }
    return names.get(result.measure, result.measure or "score")


def _crosses(result: Result) -> str:
    off = _off([t.score for t in result.tried])
    return _CROSSES.format(counted(off, "pattern")) if off else ""


def _off(values: Sequence[float]) -> int:
    """How many have no place on their axis."""
    low, _ = limits(values)
    return sum(not value >= low for value in values)


def difference(tried: Tried, rival: Tried) -> str:
    """The score less the rival's, with its sign; "-" for the rival itself and of two infinities."""
    gap = tried.score - rival.score
    if tried is rival or gap != gap:
        return "-"
    return f"{'+' if gap > 0 else ''}{number(gap)}"
