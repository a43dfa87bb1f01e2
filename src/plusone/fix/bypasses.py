"""Skips by which an autoencoder's input reaches its output around the latent (S107).

With them the loss falls and the latent holds nothing. Only concatenated skips are closed, and only
where the targets are the inputs: elsewhere such a skip is what a U-Net is made of.
"""

from __future__ import annotations

from plusone.capture.purpose import gives_back_input
from plusone.capture.trace import ValueRef
from plusone.fix.edits.bypasses import CloseSkip
from plusone.fix.sites import Survey
from plusone.graph.latent import latent_of
from plusone.graph.opkinds import CONCAT, base_name
from plusone.records import Finding
from plusone.target.subject import Subject


def closed_bypasses(
    subject: Subject, survey: Survey, findings: tuple[Finding, ...]
) -> tuple[CloseSkip, ...]:
    """An edit for each concatenated skip around the latent; empty unless the scan found S107."""
    if not any(f.code == "S107" for f in findings) or subject.targets is None:
        return ()
    if not gives_back_input(subject, survey.trace):
        return ()
    latent = latent_of(survey.trace, targets_are_inputs=True)
    if latent is None:
        return ()
    pairs = zip(latent.around, latent.joins, strict=True)
    edits = (_closed(survey, value, join) for value, join in pairs)
    return tuple(edit for edit in edits if edit is not None)


def _closed(survey: Survey, value: ValueRef, join: ValueRef) -> CloseSkip | None:
    """The skip's channels at the module that the concatenation enters."""
    op = survey.trace.ops[join[0]]
    if base_name(op.name) not in CONCAT or value not in op.parents:
        return None
    reads = [s for s in survey.sites.values() if s.entry == join and s.holds_all]
    if not reads:
        return None
    site = max(reads, key=lambda s: len(s.path))
    widths = [survey.trace.ops[p].shapes[max(out, 0)][op.axis] for p, out in op.parents]
    position = op.parents.index(value)
    first, count = sum(widths[:position]), widths[position]
    return CloseSkip(path=site.path, first=first, count=count, axis=op.axis)
