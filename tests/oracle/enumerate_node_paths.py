"""The slow twins of the widest path and the smallest vertex cut: every path, every set of nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations


def node_paths(
    parents: Sequence[Sequence[int]], source: int, sink: int
) -> Iterator[tuple[int, ...]]:
    """Every path from source to sink, as its nodes."""
    if source == sink:
        yield (sink,)
        return
    for parent in dict.fromkeys(parents[sink]):
        for path in node_paths(parents, source, parent):
            yield (*path, sink)


def widest(
    parents: Sequence[Sequence[int]], width: Sequence[float], source: int, sink: int
) -> float:
    """The largest of the paths' narrowest nodes; 0 where there is no path."""
    paths = node_paths(parents, source, sink)
    return max((min(width[v] for v in path) for path in paths), default=0.0)


def least_cut(
    parents: Sequence[Sequence[int]], capacity: Sequence[float], source: int, sink: int
) -> float:
    """The capacity of the least set of nodes that every path meets."""
    paths = [set(path) for path in node_paths(parents, source, sink)]
    nodes = sorted(set().union(*paths))
    return min(
        sum(capacity[v] for v in chosen)
        for size in range(len(nodes) + 1)
        for chosen in combinations(nodes, size)
        if all(not path.isdisjoint(chosen) for path in paths)
    )
