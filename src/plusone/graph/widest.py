"""The widest path: of all paths the one whose narrowest node is widest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def widest_paths(
    parents: Sequence[Sequence[int]], width: Sequence[float], sources: Mapping[int, float]
) -> list[float]:
    """The width of the widest path from a source to each node; 0 where none leads there.

    w(v) = min(width(v), max over parents p of w(p)), and `sources[s]` at least at a source; all
    parents have lower numbers. The width of a path is the least over its nodes. Cost: O(E).
    """
    found = [0.0] * len(parents)
    for v, above in enumerate(parents):
        arriving = max((found[p] for p in above), default=0.0)
        found[v] = max(min(width[v], arriving), sources.get(v, 0.0))
    return found


def narrowest_on_path(
    parents: Sequence[Sequence[int]], widest: Sequence[float], sources: Mapping[int, float], v: int
) -> int:
    """The first node, from the source on, that makes the widest path to v as narrow as it is."""
    narrowest, least = v, widest[v]
    while v not in sources or widest[v] > sources[v]:
        above = [p for p in parents[v] if widest[p] >= least]
        if not above:
            break
        v = max(above, key=lambda p: (widest[p], p))
        if widest[v] <= least:
            narrowest = v
        elif v in sources:
            break
    return narrowest
