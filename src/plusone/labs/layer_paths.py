"""How many layers lie on the paths from one module of a net to another, by plusone's own graph."""

from __future__ import annotations

import numpy as np
from torch import nn

from plusone.capture.eager import record
from plusone.capture.sandbox import sandbox
from plusone.graph.dag import activation_graph
from plusone.graph.pathlaw import PathGraph, path_law
from plusone.records import PathLaw


def layer_paths(model: nn.Module, args: tuple[object, ...], start: str | None, end: str) -> PathLaw:
    """The law of the number of layers behind the module `start` up to and with the module `end`.

    A layer is a product with parameters, or a call of a recurrent module; `start` and `end` are
    paths of modules that hold one, run once, and without `start` it is the first input. Gradients
    go the same ways back. Cost: one forward, and O(E * longest path).
    """
    with sandbox(model) as box:
        dag = activation_graph(record(model, args, {}, box=box).trace)
    first, last = (
        dag.sources[0]
        if path is None
        else next(v for v in range(len(dag)) if dag.weight[v] and dag.path[v] == path)
        for path in (start, end)
    )
    edges = [(p, v) for v, parents in enumerate(dag.parents) for p in parents]
    return path_law(
        PathGraph(
            num_nodes=len(dag),
            source=np.array([p for p, _ in edges]),
            target=np.array([v for _, v in edges]),
            length=np.array([dag.weight[v] for _, v in edges]),
            inputs=(first,),
            outputs=(last,),
        )
    )
