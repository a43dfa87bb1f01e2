"""Skips by which an autoencoder's input reaches its output around the latent.

With them the loss falls and the latent holds nothing. Only concatenated skips are closed, and only
where the targets are the inputs: elsewhere such a skip is what a U-Net is made of.
"""

from __future__ import annotations

import math

from plusone.fix.edits.bypasses import CloseSkip
from plusone.fix.resolutions import is_autoencoder
from plusone.fix.sites import Survey
from plusone.graph.opkinds import CONCAT
from plusone.graph.skipgraph import Block
from plusone.target.subject import Subject

# What passes around the latent must be this much wider than it.
_WIDER = 4


def closed_bypasses(subject: Subject, survey: Survey) -> tuple[CloseSkip, ...]:
    """An edit for each concatenated skip around the narrowest layer; empty where none is."""
    if subject.targets is None or not is_autoencoder(subject, survey):
        return ()
    layers = [s for s in survey.sites.values() if len(s.weighted) == 1]
    if not layers:
        return ()
    latent = min(layers, key=lambda s: math.prod(s.output_shape[1:]))
    size, at = math.prod(latent.output_shape[1:]), latent.weighted[0]
    edits = []
    for block in survey.graph.blocks:
        passes = block.kind == "residual" and block.entry[0] < at < block.output[0]
        if passes and math.prod(block.input_shape[1:]) >= _WIDER * size:
            edit = _closed(survey, block)
            if edit is not None:
                edits.append(edit)
    return tuple(edits)


def _closed(survey: Survey, block: Block) -> CloseSkip | None:
    """The skip's channels at the module that the concatenation enters."""
    op = survey.trace.ops[block.output[0]]
    if op.name not in CONCAT or block.skip_value not in op.parents:
        return None
    reads = [s for s in survey.sites.values() if s.entry == block.output and s.holds_all]
    if not reads:
        return None
    site = max(reads, key=lambda s: len(s.path))
    widths = [survey.trace.ops[p].shapes[max(out, 0)][op.axis] for p, out in op.parents]
    position = op.parents.index(block.skip_value)
    first, count = sum(widths[:position]), widths[position]
    return CloseSkip(path=site.path, first=first, count=count, axis=op.axis)
