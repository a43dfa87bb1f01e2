"""The slow twins of the path law and of dominators: every path, one by one."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal, localcontext

from plusone.graph.path_graph import PathGraph


def each_path(graph: PathGraph) -> Iterator[tuple[int, float]]:
    """Length and log weight (0 where the graph has none) of every path from input to output."""
    leaving = defaultdict(list)
    num_edges = len(graph.source)
    weights = [0.0] * num_edges if graph.log_weight is None else graph.log_weight.tolist()
    for i in range(num_edges):
        step = (int(graph.target[i]), int(graph.length[i]), weights[i])
        leaving[int(graph.source[i])].append(step)

    def onwards(node: int, length: int, log_weight: float) -> Iterator[tuple[int, float]]:
        if node in graph.outputs:
            yield length, log_weight
        for target, step, weight in leaving[node]:
            yield from onwards(target, length + step, log_weight + weight)

    for node in graph.inputs:
        yield from onwards(node, 0, 0.0)


def counts_by_length(graph: PathGraph) -> dict[int, int]:
    """The number of paths of each length, ascending."""
    return dict(sorted(Counter(length for length, _ in each_path(graph)).items()))


def shares_by_length(graph: PathGraph) -> dict[int, float]:
    """The share of the weight of all paths that each length carries; empty if there is none."""
    paths = list(each_path(graph))
    top = max((weight for _, weight in paths), default=-math.inf)
    if top == -math.inf:
        return {}
    terms = defaultdict(list)
    for length, weight in paths:
        terms[length].append(math.exp(weight - top))
    total = math.fsum(term for some in terms.values() for term in some)
    return {length: math.fsum(some) / total for length, some in sorted(terms.items())}


def exact_log10(count: int) -> float:
    """log10 of a positive integer, rounded once."""
    with localcontext() as context:
        context.prec = 40
        return float(Decimal(count).log10())


def reachable(parents: Sequence[Sequence[int]], roots: Collection[int], removed: int) -> set[int]:
    """The nodes that the roots reach when one node (-1: none) is removed."""
    reached: set[int] = set()
    for v, above in enumerate(parents):
        if v != removed and (v in roots or any(p in reached for p in above)):
            reached.add(v)
    return reached


def strict_dominators(
    parents: Sequence[Sequence[int]], roots: Collection[int]
) -> dict[int, set[int]]:
    """For each reached node the other nodes whose removal cuts it off.

    A root counts as reached by the empty path.
    """
    reached = reachable(parents, roots, -1)
    return {
        v: {a for a in reached if a != v and v not in reachable(parents, roots, a)} for v in reached
    }
