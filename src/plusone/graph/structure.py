"""The skip graph in the words of a report: path law, folds, counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from plusone.graph.path_graph import PathGraph
from plusone.graph.pathlaw import path_law
from plusone.graph.skipgraph import Block, SkipGraph
from plusone.records import Fold, PathLaw, Structure


def structure_of(graph: SkipGraph, num_parameters: int, gains: Sequence[float] = ()) -> Structure:
    """The structure; `gains` as in `paths_of`."""
    return Structure(
        num_blocks=len(graph.blocks),
        depth=max((b.depth for b in graph.blocks), default=0),
        skips=graph.skips,
        paths=paths_of(graph, gains),
        folds=fold(graph.blocks),
        num_parameters=num_parameters,
        num_operations=graph.num_operations,
        detail=graph.detail,
        capacity=graph.capacity,
    )


def paths_of(graph: SkipGraph, gains: Sequence[float] = ()) -> PathLaw:
    """The path-length law of the graph, with the gradient's shares where gains are given.

    `gains[i]` is the gain of the gradient's second moment over edge i of the graph of paths.
    """
    law = path_law(path_graph_of(graph, gains))
    # JSON knows no infinity: a net without a path from input to output has fewer than one.
    return replace(law, log10_count=-1.0) if math.isinf(law.log10_count) else law


def path_graph_of(graph: SkipGraph, gains: Sequence[float] = ()) -> PathGraph:
    """The graph of paths alone, as `pathlaw` and `resistance` read it; `gains` as in `paths_of`."""
    edges = graph.path_edges
    return PathGraph(
        num_nodes=graph.num_path_nodes,
        source=np.array([e.source for e in edges], dtype=np.int64),
        target=np.array([e.target for e in edges], dtype=np.int64),
        length=np.array([e.length for e in edges], dtype=np.int64),
        log_weight=np.array([_log_gain(gain) for gain in gains]) if gains else None,
        inputs=graph.path_inputs,
        outputs=graph.path_outputs,
    )


def _log_gain(gain: float) -> float:
    return math.log(gain) if gain > 0 else -math.inf


def fold(blocks: tuple[Block, ...]) -> tuple[Fold, ...]:
    """Runs of at least three blocks of one structure, or of one alternating pair of structures."""
    folds: list[Fold] = []
    start = 0
    while start < len(blocks):
        best = max((_run(blocks, start, p), -p) for p in (1, 2))
        length, period = best[0], -best[1]
        if length >= 3 * period:
            folds.append(
                Fold(name=blocks[start].name, first=start, count=length // period, period=period)
            )
            start += length // period * period
        else:
            start += 1
    return tuple(folds)


def _run(blocks: tuple[Block, ...], start: int, period: int) -> int:
    end = start + period
    while end < len(blocks) and blocks[end].signature == blocks[end - period].signature:
        end += 1
    return min(end, len(blocks)) - start
