"""Where a plain stretch of layers can take skips: the places at which it may be entered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from torch import nn
from torch.nn.modules.conv import _ConvNd

from plusone.fix.edits.edit import Edit, Part
from plusone.fix.edits.skips import InsertSkip, WrapInSkip
from plusone.fix.sites import Site, Survey

# A skip goes around no more weighted layers than a bottleneck block or an attention with its
# feed-forward part has.
WIDEST = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How the skips of a stretch are made.

    `step` is the least number of weighted layers that a skip goes around; `start` the learned
    scale's first value, None for 1 / sqrt(skips); `is_fixed`: the scale is not learned.
    """

    step: int = 1
    start: float | None = None
    is_fixed: bool = False
    has_norm: bool = False
    has_projections: bool = False
    is_coarse: bool = False


def chain_edits(survey: Survey, style: Style) -> tuple[Edit, ...]:
    """Skips over the plain stretches of the model in this style; empty where none fits."""
    streams = list(_streams(survey, places_of(survey, style), style))
    num_skips = sum(len(stream) - 1 for stream in streams)
    if not num_skips:
        return ()
    start = rounded(num_skips**-0.5) if style.start is None else style.start
    scale = Part(name="ConstantScale" if style.is_fixed else "SkipInit", args=(start,))
    edits: list[Edit] = []
    for line, stream in enumerate(streams):
        if _can_wrap(stream):
            edits += [
                WrapInSkip(path=s.path, scale=scale, norm=_norm(s) if style.has_norm else None)
                for s in stream[:-1]
            ]
        else:
            edits += _spliced(line, stream, scale, style)
    return tuple(edits)


def _spliced(line: int, stream: list[Site], scale: Part, style: Style) -> list[Edit]:
    edits: list[Edit] = []
    for k, site in enumerate(stream):
        before = stream[k - 1] if k else None
        is_last = k == len(stream) - 1
        edits.append(
            InsertSkip(
                path=site.path,
                line=line,
                is_first=before is None,
                is_last=is_last,
                source=before.path if before is not None else "",
                skip=projection(before, site) if before is not None else None,
                scale=scale if before is not None else None,
                norm=_norm(site) if style.has_norm and not is_last else None,
            )
        )
    return edits


def places_of(survey: Survey, style: Style) -> list[Site]:
    """The places that the stretch passes, in order: one before each weighted operation."""
    inside = residual_interiors(survey)
    given = set(survey.trace.inputs)
    points: dict[int, Site] = {}
    for site in survey.sites.values():
        if not site.weighted or not site.holds_all or survey.is_closed(site.path):
            continue
        if site.entry[0] in given or any(a < site.first <= b for a, b in inside):
            continue
        if style.is_coarse and not _is_block(site):
            continue
        # Of modules that the same value enters, the innermost: it reads best, and does as well.
        points[site.weighted[0]] = site
    found = [points[w] for w in sorted(points)]
    if style.is_coarse and found:
        found += _behind(survey, found[-1], inside)
    return found


def _is_block(site: Site) -> bool:
    return len(site.weighted) > 1 and site.path.rpartition(".")[2].isdigit()


def _behind(survey: Survey, last: Site, inside: list[tuple[int, int]]) -> list[Site]:
    """The first place behind the last block, where its skip returns."""
    rest = [
        site
        for site in survey.sites.values()
        if site.first > last.last
        and site.holds_all
        and site.shape == last.output_shape
        and not survey.is_closed(site.path)
        and not any(a < site.first <= b for a, b in inside)
    ]
    return sorted(rest, key=lambda s: (s.first, len(s.path)))[:1]


def residual_interiors(survey: Survey) -> list[tuple[int, int]]:
    """The ranges of operations inside the residual blocks that the model has already."""
    return [
        (block.operations[0] + 1, block.operations[1])
        for block in survey.graph.blocks
        if block.kind == "residual"
    ]


def _streams(survey: Survey, points: list[Site], style: Style) -> list[list[Site]]:
    streams: list[list[Site]] = []
    k = 0
    while k < len(points):
        stream = [points[k]]
        at = k
        while (found := _next(survey, points, at, style)) is not None:
            at = found
            stream.append(points[at])
        if len(stream) > 1:
            streams.append(stream)
        k = at + 1 if len(stream) == 1 else at
        if len(stream) > 1 and at == len(points) - 1:
            break
        if len(stream) > 1:
            # A later stream may begin where this one ends only behind the last module's entry.
            k = at + 1
    return streams


def _next(survey: Survey, points: list[Site], at: int, style: Style) -> int | None:
    """The nearest later point that a skip from point `at` can return to.

    Layers that only widen what passes them, as a transformer's feed-forward part does, are skipped
    together by the identity (He et al. 2016, arXiv 1603.05027, section 3) and not with a projection
    each.
    """
    here = points[at]
    projected, is_widened = None, True
    for k in range(at + 1, len(points)):
        there = points[k]
        layers = (
            sum(here.weighted[0] <= w < there.weighted[0] for w in survey.weighted)
            if (there.weighted)
            else len(here.weighted)
        )
        if layers > max(WIDEST, len(here.weighted)):
            return projected
        if layers < style.step or there.first <= here.first:
            continue
        if there.shape == here.shape:
            return k
        is_widened = is_widened and math.prod(there.shape) > math.prod(here.shape)
        if style.has_projections and projected is None and projection(here, there) is not None:
            projected = k
        if projected is not None and not is_widened:
            return projected
    return projected


def _can_wrap(stream: list[Site]) -> bool:
    """Whether each module's output is what enters the next, so that the skip is one of modules."""
    return all(a.output == b.entry and a.output_shape == a.shape for a, b in pairwise(stream))


def channels_axis(site: Site) -> int:
    """The axis of the channels of what enters: 1 for convolutions and images, -1 for tokens."""
    if len(site.shape) >= 4:
        return 1
    layers = (m for m in site.module.modules() if isinstance(m, (nn.Linear, _ConvNd, nn.RNNBase)))
    return 1 if isinstance(next(layers, None), _ConvNd) else -1


def _norm(site: Site) -> Part:
    axis = channels_axis(site)
    if axis == -1:
        return Part(name="make_norm", args=("layer", site.shape[-1]))
    num_axes = len(site.shape) - 2
    return Part(name="make_norm", args=("group", site.shape[1]), options=(("num_axes", num_axes),))


def projection(source: Site, goal: Site) -> Part | None:
    """What takes the shape at one place to that at another; None where none is needed or fits."""
    a, b = source.shape, goal.shape
    if a == b or len(a) != len(b) or a[0] != b[0]:
        return None
    if channels_axis(source) == -1:
        if a[:-1] != b[:-1]:
            return None
        return Part(name="LinearProjection", args=(a[-1], b[-1]))
    strides = {-(-n // m) for n, m in zip(a[2:], b[2:], strict=True) if m}
    stride = strides.pop() if len(strides) == 1 else 0
    if stride < 1 or any(-(-n // stride) != m for n, m in zip(a[2:], b[2:], strict=True)):
        return None
    options = (("stride", stride), ("num_axes", len(a) - 2))
    return Part(name="ConvProjection", args=(a[1], b[1]), options=options)


def rounded(number: float) -> float:
    """The number to four digits, as a person would write it."""
    return float(f"{number:.4g}")
