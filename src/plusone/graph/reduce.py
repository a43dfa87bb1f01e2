"""The graph of paths: sources, joins, plain blocks and merges, with the length of each edge.

Everything in between is folded: attention's query, key and value come from one place, so they are
one path; the memory that a decoder also reads is another, be attention one operation or written
out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from plusone.capture.trace import ValueRef
from plusone.graph.arms import Arm
from plusone.graph.blocks import Segment
from plusone.graph.dag import Dag
from plusone.graph.skips import Join
from plusone.graph.sources import path_sources

Role = Literal["skip", "branch", "plain", "link"]


class PathEdge(NamedTuple):
    """An edge of the graph of paths: length 1 through the branch of block `block`, else 0.

    What it hands back of the gradient at its target is that of the value `end`, times `factor`,
    by the value `start`: `end` is the arm of a join, else the target's own value. A composite
    block has the inner blocks on its branch, so its edge is but what lies behind the last of them.
    """

    source: int
    target: int
    length: int
    block: int
    role: Role
    start: ValueRef
    end: ValueRef
    factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReducedPaths:
    """Edges between `num_nodes` nodes in topological order, and the depth of each block."""

    num_nodes: int
    edges: tuple[PathEdge, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    depths: tuple[int, ...]


class _Reduction:
    """The reduction while it is made: `reps[v]` is the node of the small graph behind v."""

    def __init__(self, dag: Dag) -> None:
        self.dag = dag
        self.edges: list[PathEdge] = []
        self.values: list[ValueRef] = []
        self.longest: list[int] = []
        self.reps: list[int] = [-1] * len(dag)
        self.merged: dict[int, frozenset[int]] = {}

    def node(self, v: int) -> int:
        """A node of the small graph for node `v`."""
        self.values.append(self.dag.value[v])
        self.longest.append(0)
        self.reps[v] = len(self.longest) - 1
        return self.reps[v]

    def edge(self, kind: tuple[int, int, Role], target: int, source: int, arm: Arm) -> None:
        """An edge of (length, block, role) that enters `target` by `arm`."""
        if source < 0:
            return
        length, block, role = kind
        op, out = self.dag.value[arm.node]
        end = (op, out if out < 0 else arm.out)
        start = self.values[source]
        self.edges.append(PathEdge(source, target, length, block, role, start, end, arm.factor))
        self.longest[target] = max(self.longest[target], self.longest[source] + length)

    def behind(self, node: int) -> list[int]:
        found = dict.fromkeys(self.reps[p] for p in self.dag.parents[node])
        return [r for r in found if r >= 0]


def reduced_paths(dag: Dag, joins: list[Join], segments: list[Segment]) -> ReducedPaths:
    """The graph of paths of `dag`. Cost: linear in its edges."""
    made = _Reduction(dag)
    block_at = {s.output: k for k, s in enumerate(segments)}
    entries = {s.entry for s in segments} | {e.entry for j in joins for e in j.skips}
    ends = set(dag.sinks) | set(dag.sources)
    depths = [0] * len(segments)
    sources = path_sources(dag)
    silent = set(dag.sources).difference(sources)
    for v in range(len(dag)):
        if v in silent:
            continue
        block = block_at.get(v)
        if block is not None and segments[block].kind == "residual":
            _join(made, v, block, segments[block])
        elif block is not None:
            _plain(made, v, block)
        elif v in entries or v in ends or len(made.behind(v)) > 1:
            _merge(made, v)
        else:
            made.reps[v] = next(iter(made.behind(v)), -1)
        if block is not None:
            depths[block] = made.longest[made.reps[v]]
    return ReducedPaths(
        num_nodes=len(made.longest),
        edges=tuple(made.edges),
        inputs=tuple(sorted({made.reps[s] for s in sources})),
        outputs=tuple(sorted({made.reps[s] for s in dag.sinks if s not in silent})),
        depths=tuple(depths),
    )


def _join(made: _Reduction, v: int, block: int, segment: Segment) -> None:
    assert segment.join is not None
    target = made.node(v)
    skips: set[Arm] = {s.arm for s in segment.join.skips}
    branch = 0 if segment.is_composite else 1
    for arm in segment.join.arms:
        kind: tuple[int, int, Role] = (branch, block, "branch")
        if arm in skips:
            kind = (0, block, "skip")
        made.edge(kind, target, made.reps[arm.node], arm)


def _plain(made: _Reduction, v: int, block: int) -> None:
    _through(made, v, made.behind(v), (1, block, "plain"))


def _merge(made: _Reduction, v: int) -> None:
    found = made.behind(v)
    # What another of them has already merged is no second way: the keys and values of a memory.
    merged = {m for source in found for m in made.merged.get(source, ())}
    sources = [source for source in found if source not in merged]
    _through(made, v, sources, (0, -1, "link"))
    made.merged[made.reps[v]] = frozenset(sources)


def _through(made: _Reduction, v: int, sources: list[int], kind: tuple[int, int, Role]) -> None:
    target = made.node(v)
    for source in sources:
        made.edge(kind, target, source, Arm(v, made.dag.value[v][1]))
