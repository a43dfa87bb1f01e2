"""Dominators of a DAG: node a dominates b if every path from the roots to b runs through a.

The entry of a join is its immediate dominator: the last node that all ways to it share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from plusone.errors import InputError

NO_DOMINATOR = -1


def immediate_dominators(
    num_nodes: int, parents: Sequence[Sequence[int]], roots: Iterable[int]
) -> list[int]:
    """The immediate dominator of each node, -1 where there is none.

    `parents[v]` lists the direct predecessors of v, all with lower numbers (topological order).
    -1 stands for a root, a node that only the roots together dominate, and a node that no root
    reaches; parents that no root reaches do not count. A root stays a root if it has parents.
    On a DAG one pass suffices: the dominator of v is the deepest common ancestor of its parents
    in the dominator tree (Cooper, Harvey and Kennedy 2001, "A simple, fast dominance algorithm",
    figure 3), found by skipping upwards (Myers 1983, "An applicative random-access stack").
    Cost: O(E log V) at worst, O(E) on networks, whose branches rejoin soon.

    Raises:
        InputError: a parent or root is out of range, or a parent is not below its child.
    """
    root_set = frozenset(roots)
    _check(num_nodes, parents, root_set)
    top = num_nodes  # a virtual node above the roots
    dominator, jump, depth = [top] * (top + 1), [top] * (top + 1), [0] * (top + 1)
    for v in range(num_nodes):
        reached = [p for p in parents[v] if depth[p]]
        if v not in root_set and not reached:
            continue
        above = top
        if v not in root_set:
            above = reached[0]
            for parent in reached[1:]:
                above = _common_ancestor(above, parent, dominator, jump, depth)
        dominator[v], depth[v] = above, depth[above] + 1
        far = jump[above]
        is_even = depth[above] - depth[far] == depth[far] - depth[jump[far]]
        jump[v] = jump[far] if is_even else above
    return [NO_DOMINATOR if d == top else d for d in dominator[:num_nodes]]


def _common_ancestor(a: int, b: int, parent: list[int], jump: list[int], depth: list[int]) -> int:
    """The deepest common ancestor; nodes of equal depth jump equally far."""
    if depth[a] < depth[b]:
        a, b = b, a
    while depth[a] > depth[b]:
        a = jump[a] if depth[jump[a]] >= depth[b] else parent[a]
    while a != b:
        a, b = (jump[a], jump[b]) if jump[a] != jump[b] else (parent[a], parent[b])
    return a


class DominatorTree:
    """Answers in constant time whether a dominates b, from `immediate_dominators`.

    Keeps for each node the interval of its subtree in a depth-first walk. A node that no root
    reaches dominates itself alone. Cost of building: O(nodes).
    """

    __slots__ = ("_first", "_last", "idom")

    def __init__(self, immediate: Sequence[int]) -> None:
        self.idom = tuple(immediate)
        num_nodes = len(immediate)
        size = [1] * num_nodes
        for v in range(num_nodes - 1, -1, -1):
            if immediate[v] != NO_DOMINATOR:
                size[immediate[v]] += size[v]
        first, free = [0] * num_nodes, [0] * num_nodes  # free: where the next child starts
        next_root = 0
        for v, parent in enumerate(immediate):
            if parent == NO_DOMINATOR:
                first[v], next_root = next_root, next_root + size[v]
            else:
                first[v] = free[parent]
                free[parent] += size[v]
            free[v] = first[v] + 1
        self._first = first
        self._last = [begin + extent - 1 for begin, extent in zip(first, size, strict=True)]

    def dominates(self, a: int, b: int) -> bool:
        """Whether every path from the roots to b runs through a; true for a == b."""
        return self._first[a] <= self._first[b] <= self._last[a]


def _check(num_nodes: int, parents: Sequence[Sequence[int]], roots: frozenset[int]) -> None:
    if len(parents) != num_nodes:
        raise InputError(f"dominators: {len(parents)} parent lists for {num_nodes} nodes")
    for root in roots:
        if not 0 <= root < num_nodes:
            raise InputError(f"dominators: root {root}, but there are {num_nodes} nodes")
    for v, above in enumerate(parents):
        for parent in above:
            if not 0 <= parent < v:
                raise InputError(
                    f"dominators: node {v} has parent {parent}; a parent needs a lower number, "
                    "at least 0 (nodes in topological order)"
                )
