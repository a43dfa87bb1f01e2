"""Long skips for nets that go down to a low resolution and up again without any.

Ronneberger et al. 2015 (arXiv 1505.04597); added as by Chaurasia and Culurciello 2017 (LinkNet,
arXiv 1707.03718). What detail the lowest resolution does not hold, the output cannot have. An
autoencoder's bottleneck is on purpose, and S105 does not accuse it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from plusone.fix.chains import channels_axis
from plusone.fix.edits.edit import Edit, Part
from plusone.fix.edits.memory import Remember
from plusone.fix.edits.skips import InsertSkip
from plusone.fix.sites import Site, Survey
from plusone.records import Finding

# The least factor of area, from input to the lowest resolution: two levels that halve.
_DEEP = 16
_LEAST_LEVELS = 2


def long_skips(survey: Survey, findings: Iterable[Finding]) -> tuple[Edit, ...]:
    """A skip for each resolution on the way down that comes again on the way up; empty unless the
    scan found S105, and where the net is no such net or has such skips."""
    if not any(f.code == "S105" for f in findings):
        return ()
    sites = [s for s in survey.sites.values() if len(s.shape) >= 4 and len(s.output_shape) >= 4]
    layers = sorted(
        (s for s in sites if len(s.weighted) == 1), key=lambda s: (s.first, len(s.path))
    )
    if not layers or not _ends_as_it_began(survey, layers):
        return ()
    lowest = min(layers, key=lambda s: _area(s.output_shape))
    smallest, largest = _area(lowest.output_shape), _area(layers[0].shape)
    at = lowest.weighted[0]
    if smallest * _DEEP > largest or _is_passed_by(survey, at):
        return ()
    edits: list[Edit] = []
    line = 100  # beyond those of the stretches of layers
    for area in sorted({_area(s.output_shape) for s in layers}, reverse=True):
        pair = _pair(survey, layers, at, area) if area > smallest else None
        if pair is not None:
            edits += _joined(line, *pair)
            line += 1
    return tuple(edits) if len(edits) >= 2 * _LEAST_LEVELS else ()


def _area(shape: tuple[int, ...]) -> int:
    return math.prod(shape[2:])


def _ends_as_it_began(survey: Survey, layers: list[Site]) -> bool:
    """Whether the output has the resolution of the first layer's input."""
    ends = [survey.trace.ops[op].shapes[out] for op, out in survey.trace.outputs]
    return any(len(s) == len(layers[0].shape) and s[2:] == layers[0].shape[2:] for s in ends)


def _is_passed_by(survey: Survey, at: int) -> bool:
    """Whether some skip goes around the lowest resolution and other blocks."""
    return any(
        block.entry[0] < at < block.output[0] and block.is_composite
        for block in survey.graph.blocks
        if block.kind == "residual"
    )


def _pair(survey: Survey, layers: list[Site], at: int, area: int) -> tuple[Site, Site] | None:
    """Where a resolution is last left on the way down, and first entered on the way up."""
    down = [s for s in layers if s.weighted[0] < at and _area(s.output_shape) == area]
    up = [s for s in layers if s.weighted[0] > at and _area(s.shape) == area and s.holds_all]
    if not down or not up:
        return None
    left = max(down, key=lambda s: s.weighted[0])
    # With the norm and activation behind it, if one module holds them.
    wider = [
        s
        for s in survey.sites.values()
        if s.weighted and s.weighted[-1] == left.weighted[0] and s.output_shape == left.output_shape
    ]
    left = min(wider, key=lambda s: len(s.path), default=left)
    return left, min(up, key=lambda s: (s.weighted[0], -len(s.path)))


def _joined(line: int, left: Site, entered: Site) -> tuple[Edit, Edit]:
    inputs, outputs = left.output_shape[1], entered.shape[1]
    assert channels_axis(entered) == 1
    skip = None
    if inputs != outputs:
        num_axes = len(entered.shape) - 2
        options = (("num_axes", num_axes),)
        skip = Part(name="ConvProjection", args=(inputs, outputs), options=options)
    return (
        Remember(path=left.path, line=line),
        InsertSkip(path=entered.path, line=line, is_last=True, source=left.path, skip=skip),
    )
