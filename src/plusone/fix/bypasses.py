"""Skips by which an autoencoder's input reaches its output around the latent (S107).

With them the loss falls and the latent holds nothing. Skips are closed only where the targets are
the inputs: elsewhere such a skip is what a U-Net is made of. Of a concatenation the skip's channels
are set to zero; from a sum the skip is taken again, where one module reads it all and another gives
or reads what was added. Each is tried on a copy first (`fix.closing`).
"""

from __future__ import annotations

from plusone.capture.trace import Trace, ValueRef
from plusone.fix.closing import Way, are_closed
from plusone.fix.edits import CancelSkip, CloseSkip, Edit, InsertSkip, Remember
from plusone.fix.sites import Survey
from plusone.graph.latent import latent_of
from plusone.graph.opkinds import base_name
from plusone.graph.purpose import gives_back_input
from plusone.records import Finding
from plusone.target.subject import Subject

# Beyond the lines of stretches of layers and of long skips.
_FIRST_LINE = 200


def closed_bypasses(
    subject: Subject, survey: Survey, findings: tuple[Finding, ...]
) -> tuple[Edit, ...]:
    """The edits for each skip around the latent; empty unless the scan found S107."""
    if not any(f.code == "S107" for f in findings) or subject.targets is None:
        return ()
    if not gives_back_input(subject, survey.trace):
        return ()
    latent = latent_of(survey.trace, targets_are_inputs=True)
    if latent is None:
        return ()
    ways = []
    pairs = zip(latent.around, latent.joins, strict=True)
    for line, (value, join) in enumerate(pairs, _FIRST_LINE):
        closed = _closed(survey, value, join)
        edits = [closed] if closed is not None else _cancelled(survey, value, join, line)
        if edits:
            ways.append(Way(value=value, join=join, edits=tuple(edits)))
    if ways and not are_closed(subject, survey.trace, ways):
        ways = [way for way in ways if are_closed(subject, survey.trace, [way])]
    return tuple(edit for way in ways for edit in way.edits)


def _closed(survey: Survey, value: ValueRef, join: ValueRef) -> CloseSkip | None:
    """The skip's channels at the module that the concatenation enters."""
    op = survey.trace.ops[join[0]]
    if base_name(op.name) != "cat" or value not in op.parents:
        return None
    end = _through_functions(survey.trace, join)
    reads = [s for s in survey.sites.values() if s.entry in (join, end) and s.holds_all]
    if not reads:
        return None
    site = max(reads, key=lambda s: len(s.path))
    widths = [survey.trace.ops[p].shapes[max(out, 0)][op.axis] for p, out in op.parents]
    position = op.parents.index(value)
    first, count = sum(widths[:position]), widths[position]
    return CloseSkip(path=site.path, first=first, count=count, axis=op.axis)


def _cancelled(survey: Survey, value: ValueRef, join: ValueRef, line: int) -> list[Edit]:
    """The value kept where a module gives it, or first reads it, and taken from the sum."""
    op, ops = survey.trace.ops[join[0]], survey.trace.ops
    shape = ops[value[0]].shapes[max(value[1], 0)]
    is_plain = base_name(op.name) == "add" and not op.factors and op.parents.count(value) == 1
    if not is_plain or shape != op.shapes[0]:
        return []
    sites = [s for s in survey.sites.values() if not survey.is_closed(s.path)]
    reads = [s for s in sites if s.entry == join and s.holds_all and s.shape == shape]
    gives = [s for s in sites if s.output == value and s.output_shape == shape]
    takes = [s for s in sites if s.entry == value and s.shape == shape and s.first < join[0]]
    if not reads or not (gives or takes):
        return []
    enters = max(reads, key=lambda s: len(s.path))
    if gives:
        begin = max(gives, key=lambda s: len(s.path))
        kept: Edit = Remember(path=begin.path, line=line)
    else:
        begin = min(takes, key=lambda s: (s.first, -len(s.path)))
        kept = InsertSkip(path=begin.path, line=line, is_first=True)
    return [kept, CancelSkip(path=enters.path, line=line, source=begin.path)]


_FUNCTIONS = frozenset(
    ["relu", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish", "hardswish", "tanh"]
)
"""Of each number by itself, and zero at zero."""


def _through_functions(trace: Trace, value: ValueRef) -> ValueRef:
    """What functions of each number by itself make of the value, where each alone reads it."""
    while True:
        readers = [k for k, op in enumerate(trace.ops) if value in op.parents]
        if len(readers) != 1 or base_name(trace.ops[readers[0]].name) not in _FUNCTIONS:
            return value
        value = (readers[0], 0)
