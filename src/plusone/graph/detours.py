"""Which edges of the graph of paths some paths take and others avoid: theirs are the shares."""

from __future__ import annotations

import numpy as np

from plusone.graph.skipgraph import SkipGraph


def edges_with_detours(graph: SkipGraph) -> frozenset[int]:
    """The positions of the edges that are on some paths from input to output, but not on all.

    An edge that all paths take multiplies all weights alike, so its gain changes no share. In
    topological numbers these are the edges that no other edge on a path runs beside.
    Cost: O(E log E).
    """
    exit_ = graph.num_path_nodes
    ends = [(-1, i) for i in graph.path_inputs] + [(o, exit_) for o in graph.path_outputs]
    edges = [(e.source, e.target) for e in graph.path_edges] + ends
    kept = _on_paths(edges, exit_)
    sources = np.sort(np.array([edges[k][0] for k in kept], dtype=np.int64))
    targets = np.sort(np.array([edges[k][1] for k in kept], dtype=np.int64))
    found = []
    for k in kept:
        source, target = edges[k]
        begun = np.searchsorted(sources, target, side="left")
        ended = np.searchsorted(targets, source, side="right")
        if k < len(graph.path_edges) and begun - ended > 1:
            found.append(k)
    return frozenset(found)


def _on_paths(edges: list[tuple[int, int]], exit_: int) -> list[int]:
    order = sorted(range(len(edges)), key=lambda k: edges[k][1])
    reached = {-1}
    for k in order:
        if edges[k][0] in reached:
            reached.add(edges[k][1])
    leads_out = {exit_}
    for k in sorted(order, key=lambda k: -edges[k][0]):
        if edges[k][1] in leads_out:
            leads_out.add(edges[k][0])
    return [k for k in order if edges[k][0] in reached and edges[k][1] in leads_out]
