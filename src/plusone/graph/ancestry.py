"""Questions about ancestors in the activation graph, answered without walking all of it."""

from __future__ import annotations

from plusone.graph.dag import Dag
from plusone.graph.dominators import DominatorTree, immediate_dominators

# Sets of ancestors as integers take n^2 / 8 bytes: 50 MB here; larger graphs are walked.
_BITSET_LIMIT = 20_000


class Ancestry:
    """Ancestor, dominator and region queries on a `Dag`.

    Dominance answers most ancestor queries at once; the rest walk backwards from the descendant,
    never below the ancestor's number, so that a query costs the size of the region between.
    """

    def __init__(self, dag: Dag) -> None:
        self._dag = dag
        self._tree = DominatorTree(immediate_dominators(len(dag), dag.parents, dag.sources))
        self._regions: dict[tuple[int, int], frozenset[int]] = {}
        self._ancestors: list[int] = []

    def dominates(self, a: int, b: int) -> bool:
        """Whether every path from an input to b passes through a."""
        return self._tree.dominates(a, b)

    def idom(self, v: int) -> int:
        """The immediate dominator of v, or -1."""
        return self._tree.idom[v]

    def is_ancestor(self, a: int, b: int) -> bool:
        """Whether a path leads from a to b (every node is its own ancestor)."""
        if a >= b:
            return a == b
        return self.dominates(a, b) or self._has_path(a, b)

    def _has_path(self, a: int, b: int) -> bool:
        if len(self._dag) > _BITSET_LIMIT:
            return bool(self.region(a, b))
        if not self._ancestors:
            self._ancestors = _ancestor_sets(self._dag)
        return bool(self._ancestors[b] >> a & 1)

    def region(self, a: int, b: int) -> frozenset[int]:
        """The nodes on paths from a to b, a left out and b put in; empty where there is none."""
        key = (a, b)
        found = self._regions.get(key)
        if found is None:
            found = self._regions[key] = self._walk(a, b)
        return found

    def num_layers(self, a: int, b: int) -> int:
        """The weighted layers on the longest path from a (left out) to b (put in)."""
        return self._longest(a, b, self._dag.layers, self._dag.weight)

    def num_mixing(self, a: int, b: int) -> int:
        """The same with the operations that mix positions without weights counted too."""
        return self._longest(a, b, self._dag.mixing, self._dag.mixes)

    def _longest(self, a: int, b: int, prefix: list[int], own: list[int]) -> int:
        if a == b:
            return 0
        if self.dominates(a, b):
            return prefix[b] - prefix[a]
        best = {a: 0}
        for v in sorted(self.region(a, b)):
            best[v] = own[v] + max(best[p] for p in self._dag.parents[v] if p in best)
        return best.get(b, 0)

    def _walk(self, a: int, b: int) -> frozenset[int]:
        parents = self._dag.parents
        seen = {b}
        stack = [b]
        while stack:
            for p in parents[stack.pop()]:
                if p >= a and p not in seen:
                    seen.add(p)
                    stack.append(p)
        if a not in seen:
            return frozenset()
        # Of the ancestors of b above a, keep the descendants of a.
        down = {a}
        for v in sorted(seen):
            if v != a and any(p in down for p in parents[v]):
                down.add(v)
        down.discard(a)
        return frozenset(down)


def _ancestor_sets(dag: Dag) -> list[int]:
    """For each node the set of its ancestors, itself put in, as the bits of an integer."""
    sets: list[int] = []
    for v, parents in enumerate(dag.parents):
        bits = 1 << v
        for p in set(parents):
            bits |= sets[p]
        sets.append(bits)
    return sets
