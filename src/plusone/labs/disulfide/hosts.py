"""One graph code for a network, a grid hierarchy and a protein: the same numbers of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import nn

from plusone.capture.eager import record
from plusone.capture.sandbox import sandbox
from plusone.graph.path_graph import PathGraph
from plusone.graph.pathlaw import log10_resolvent, path_law
from plusone.graph.resistance import chain_graph, hops, laplacian, pseudo_inverse, resistance
from plusone.graph.skipgraph import find_skips
from plusone.graph.structure import path_graph_of
from plusone.graph.vertex_cut import smallest_cut
from plusone.labs.disulfide.pdb import Pair
from plusone.nn import VCycle
from plusone.nn.models import MLP, UNet
from plusone.theory import dag, dag_log_moment

STRENGTH = 0.5
"""The second moment that a branch hands on, and what it counts in the resolvent."""
NUMBERS = (
    "nodes",
    "paths",
    "fewest",
    "mean",
    "resolvent",
    "hops",
    "resistance",
    "cut",
    "decades",
)


def graph_of(model: nn.Module, args: tuple[object, ...]) -> PathGraph:
    """The graph of paths that a scan of the model finds."""
    with sandbox(model) as box:
        return path_graph_of(find_skips(record(model, args, {}, box=box).trace))


def numbers_of(graph: PathGraph) -> list[float]:
    """`NUMBERS` of a graph, from its first input to its last output.

    Log10 of the number of directed paths, the fewest and the mean number of branches on one, and
    log10 of the resolvent, where each branch counts 1/2; the fewest edges between the two in either
    direction, skips counted, their resistance and the smallest vertex cut (infinite where an edge
    joins them); and log10 of the gradient's norm by the second moments of its edges: branches of
    strength 1/2, skips of 1.
    """
    source, sink = graph.inputs[0], graph.outputs[-1]
    graph = replace(graph, inputs=(source,), outputs=(sink,))
    law = path_law(graph)
    inverse = pseudo_inverse(laplacian(graph))
    parents: list[list[int]] = [[] for _ in range(graph.num_nodes)]
    for i, j in zip(graph.source.tolist(), graph.target.tolist(), strict=True):
        parents[j].append(i)
    capacity = [math.inf if v in (source, sink) else 1.0 for v in range(graph.num_nodes)]
    cut = smallest_cut(parents, capacity, source, sink)
    is_branch = graph.length > 0
    moments = dag(
        graph.num_nodes,
        graph.source.tolist(),
        graph.target.tolist(),
        skip=(~is_branch).astype(float),
        strength=STRENGTH * is_branch,
    )
    return [
        float(graph.num_nodes),
        law.log10_count,
        float(law.min_length),
        law.mean_length,
        log10_resolvent(law, STRENGTH),
        float(hops(graph)[source, sink]),
        float(resistance(inverse, [(source, sink)])[0]),
        cut.capacity if cut is not None else math.nan,
        dag_log_moment(moments) / 2 / math.log(10),
    ]


def hosts(num_nodes: int, bonds: Sequence[Pair], name: str) -> Mapping[str, list[float]]:
    """The numbers of five graphs: a plain and a residual net of the chain's length, a U-Net and a
    V-cycle as scanned, and the chain with its bonds."""
    depth = num_nodes - 1
    made: dict[str, Callable[[], PathGraph]] = {
        f"plain net, {depth} layers": lambda: chain_graph(num_nodes),
        "MLP, 29 residual blocks": lambda: graph_of(
            MLP(4, 2, width=4, num_blocks=29), (torch.randn(2, 4),)
        ),
        "U-Net, 4 levels": lambda: graph_of(UNet(width=2), (torch.randn(1, 1, 32, 32),)),
        "V-cycle, 127 x 127": lambda: graph_of(
            VCycle(pre=1, post=1), (torch.randn(127, 127), torch.randn(127, 127))
        ),
        f"{name} and its bonds": lambda: chain_graph(num_nodes, bonds),
    }
    return {key: numbers_of(make()) for key, make in made.items()}
