"""Graph nets whose nodes become alike: which advice then does not hold.

An identity skip carries the gradient, but what it carries forward is averaged all the same: deep
residual graph nets over-smooth too, later (`plusone lab run oversmoothing`; Chen et al. 2020, arXiv
2007.02133, section 3). An initial residual or branches scaled down do both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from plusone.records import Evidence, Finding

_OF_SKIPS = frozenset({"G201", "A304", "S101"})
"""Rules whose remedy is an identity skip, among others."""


def are_nodes_alike(evidence: Evidence, findings: Iterable[Finding]) -> bool:
    """Whether A302 is about the nodes of a graph, and no cut in autograd's graph comes first."""
    is_whole = evidence.has_nodes and not evidence.cut_blocks
    return is_whole and any(f.code == "A302" for f in findings)


def without_plain_skips(found: Finding) -> Finding:
    """The finding, with the remedy that holds beside A302 where its own is a plain skip."""
    if found.code not in _OF_SKIPS:
        return found
    remedy = (
        "Take an initial residual (GCNII) or skips with scaled branches, as A302 asks: identity "
        "skips alone carry the gradient and leave the nodes alike."
    )
    return replace(found, remedy=remedy)
