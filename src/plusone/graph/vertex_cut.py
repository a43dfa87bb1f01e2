"""The smallest vertex cut of a DAG: the nodes of least capacity without which no path is left."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from plusone.graph.widest import widest_paths


class Cut(NamedTuple):
    """The capacity of the smallest cut, and its nodes nearest to the source.

    Where `is_exact` is false the capacity is a lower bound, at least the limit, and no node is
    named.
    """

    capacity: float
    nodes: tuple[int, ...]
    is_exact: bool


def smallest_cut(
    parents: Sequence[Sequence[int]],
    capacity: Sequence[float],
    source: int,
    sink: int,
    *,
    limit: float = math.inf,
) -> Cut | None:
    """The smallest set of nodes that every path from `source` to `sink` meets; None without a path.

    Source and sink are nodes like others, and may be cut. By maximum flow through nodes split in
    two (Menger's theorem; Dinic 1970), which ends once `limit` flows: a net without a narrow place
    costs one pass, O(E). Parents have lower numbers.
    """
    widest = widest_paths(parents, capacity, {source: capacity[source]})[sink]
    if widest == 0.0:
        return None
    if widest >= limit:
        return Cut(widest, (), is_exact=False)
    flow = _Flow(parents, capacity, source, sink)
    total = flow.push(limit)
    if total >= limit:
        return Cut(total, (), is_exact=False)
    return Cut(total, flow.cut(), is_exact=True)


class _Flow:
    """The residual network: node v enters at 2 v and leaves at 2 v + 1; arc i goes back as i ^ 1.

    Chains are one node: of nodes in a row, of which each is the other's only neighbour, the
    narrowest stands for all.
    """

    def __init__(
        self, parents: Sequence[Sequence[int]], capacity: Sequence[float], source: int, sink: int
    ) -> None:
        between = _between(parents, source, sink)
        above = {v: [p for p in dict.fromkeys(parents[v]) if p in between] for v in sorted(between)}
        above[source] = []
        num_below = dict.fromkeys(above, 0)
        for row in above.values():
            for p in row:
                num_below[p] += 1
        chain: dict[int, int] = {}  # each node to the first of its chain
        self._narrowest: dict[int, int] = {}
        for v, row in above.items():
            if len(row) == 1 and num_below[row[0]] == 1:
                first = chain[v] = chain[row[0]]
                if capacity[v] < capacity[self._narrowest[first]]:
                    self._narrowest[first] = v
            else:
                chain[v] = v
                self._narrowest[v] = v
        self._heads: list[int] = []
        self._room: list[float] = []
        self._arcs: dict[int, list[int]] = {}
        for first, narrow in self._narrowest.items():
            self._add(2 * first, 2 * first + 1, capacity[narrow])
            for p in above[first]:
                self._add(2 * chain[p] + 1, 2 * first, math.inf)
        self._start, self._end = 2 * source, 2 * chain[sink] + 1
        self._level: dict[int, int] = {}

    def _add(self, tail: int, head: int, room: float) -> None:
        for a, b, r in ((tail, head, room), (head, tail, 0.0)):
            self._arcs.setdefault(a, []).append(len(self._heads))
            self._heads.append(b)
            self._room.append(r)

    def push(self, limit: float) -> float:
        """The maximum flow, or the first one found that reaches `limit`."""
        total = 0.0
        while total < limit and self._find_levels():
            following = {node: iter(arcs) for node, arcs in self._arcs.items()}
            while total < limit:
                pushed = self._augment(following)
                if pushed == 0.0:
                    break
                total += pushed
        return total

    def _find_levels(self) -> bool:
        self._level = {self._start: 0}
        pending = [self._start]
        for node in pending:
            for arc in self._arcs[node]:
                head = self._heads[arc]
                if self._room[arc] > 0.0 and head not in self._level:
                    self._level[head] = self._level[node] + 1
                    pending.append(head)
        return self._end in self._level

    def _augment(self, following: dict[int, Iterator[int]]) -> float:
        """One path of the level network, saturated; 0 where none is left."""
        path: list[int] = []
        node = self._start
        while node != self._end:
            step = -1
            for arc in following[node]:
                head = self._heads[arc]
                if self._room[arc] > 0.0 and self._level.get(head) == self._level[node] + 1:
                    step = arc
                    break
            if step >= 0:
                path.append(step)
                node = self._heads[step]
                continue
            if not path:
                return 0.0
            back = path.pop()
            node = self._heads[back ^ 1]
        amount = min(self._room[arc] for arc in path)
        for arc in path:
            self._room[arc] -= amount
            self._room[arc ^ 1] += amount
        # Nodes of the path may have room left: their arcs are tried again.
        for arc in path:
            tail = self._heads[arc ^ 1]
            following[tail] = iter(self._arcs[tail])
        return amount

    def cut(self) -> tuple[int, ...]:
        """The nodes that are full on the border of what the source still reaches."""
        self._find_levels()
        reached = self._level
        return tuple(
            sorted(
                narrow
                for first, narrow in self._narrowest.items()
                if 2 * first in reached and 2 * first + 1 not in reached
            )
        )


def _between(parents: Sequence[Sequence[int]], source: int, sink: int) -> set[int]:
    """The nodes on paths from source to sink."""
    down = {source}
    for v in range(source + 1, sink + 1):
        if any(p in down for p in parents[v]):
            down.add(v)
    found, pending = {sink}, [sink]
    while pending:
        for p in parents[pending.pop()]:
            if p in down and p not in found:
                found.add(p)
                pending.append(p)
    return found
