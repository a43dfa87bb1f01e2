"""Names for blocks and places: module paths that a user finds in `model.named_modules()`."""

from __future__ import annotations

from collections import Counter
from itertools import takewhile

from plusone.capture.trace import Call, Trace
from plusone.graph.blocks import Segment, shared_path
from plusone.graph.dag import Dag
from plusone.graph.opkinds import CONCAT


def block_names(dag: Dag, trace: Trace, segments: list[Segment]) -> list[str]:
    """One name for each block: the module that joins, or the branch's module where it is shared.

    Where the model's own forward joins what several modules made, the name says behind which
    (`cat after up.1`); where it uses parameters itself, it is that of the branch's first one. A
    module that runs several times gives `name#2` from its second run on.
    """
    calls = trace.calls
    joined = Counter(s.call for s in segments if s.kind == "residual")
    paths = [calls[s.call].path for s in segments]
    taken = {p for s, p in zip(segments, paths, strict=True) if s.kind == "residual"}
    names = []
    for segment, path in zip(segments, paths, strict=True):
        if segment.kind == "plain":
            name = path if path not in taken else dag.path[min(segment.nodes)]
        elif not path or joined[segment.call] > 1:
            name = _branch_module(dag, segment, path) or _unowned(dag, trace, segment, path) or path
        elif dag.name[segment.output] in CONCAT:
            shared = _shared_module(dag, segment)
            name = path if path.startswith(shared) else shared
        else:
            name = path
        names.append(name or dag.name[segment.output])
    return _numbered(names)


def _shared_module(dag: Dag, segment: Segment) -> str:
    return shared_path(dag.path[v] for v in segment.nodes if dag.weight[v])


def _branch_module(dag: Dag, segment: Segment, owner: str) -> str:
    """The module of the branch, as far below `owner` as all its weighted layers agree.

    Of a block around other blocks, everything that ran inside counts.
    """
    nodes = sorted(segment.nodes) or range(segment.entry + 1, segment.output)
    if not owner:
        whole = shared_path(dag.path[v] for v in nodes if dag.path[v])
        if whole:
            return whole
    weighted = [v for v in nodes if dag.weight[v]]
    if not weighted:
        weighted = [v for v in nodes if dag.path[v] != owner][:1]
    shared = shared_path(dag.path[v] for v in weighted)
    if shared and shared != owner and shared.startswith(owner):
        return shared
    if segment.is_composite:
        return ""
    prefix = f"{owner}." if owner else ""
    below = [dag.path[v] for v in weighted if dag.path[v].startswith(prefix)]
    rest = [p[len(prefix) :] for p in below if p != owner]
    return prefix + _member(rest[0]) if rest else ""


def _member(path: str) -> str:
    """The first module of a path; of a list, its element (`convs.0` of `convs.0.linear`)."""
    first, *inside = path.split(".")
    numbers = takewhile(str.isdigit, inside)
    return ".".join([first, *numbers])


def _unowned(dag: Dag, trace: Trace, segment: Segment, owner: str) -> str:
    """A name for a block that `owner` itself makes of several of its modules, or of none."""
    if not segment.is_composite:
        read = [p for v in sorted(segment.nodes) for p in dag.params[v]]
        return trace.parameters[read[0]] if read and not owner else ""
    node = max((arm.node for arm in segment.arms), default=segment.entry)
    while node > segment.entry and dag.path[node] == owner and dag.parents[node]:
        node = max(dag.parents[node])
    path = dag.path[node] if node > segment.entry else ""
    is_inside = path != owner and (not owner or path.startswith(f"{owner}."))
    return f"{dag.name[segment.output]} after {path}" if is_inside else ""


class Sites:
    """Names of places: the module's path, with the operation unless the module is a leaf."""

    def __init__(self, dag: Dag, calls: tuple[Call, ...]) -> None:
        self._dag = dag
        self._calls = calls
        self._parents = {call.parent for call in calls}
        self._order: dict[int, int] = {}
        seen: Counter[tuple[int, str]] = Counter()
        for v in range(len(dag)):
            seen[dag.call[v], dag.name[v]] += 1
            self._order[v] = seen[dag.call[v], dag.name[v]]

    def name(self, node: int) -> str:
        """Where the value of `node` is made; the second `add` of a module is `path.add#2`."""
        dag = self._dag
        if dag.name[node] == "input":
            position = dag.sources.index(node) if node in dag.sources else 0
            return "input" if position == 0 else f"input#{position + 1}"
        call = self._calls[dag.call[node]]
        again = f"@{call.turn + 1}" if call.turn else ""
        if call.path and dag.call[node] not in self._parents:
            return call.path + again
        number = f"#{self._order[node]}" if self._order[node] > 1 else ""
        return f"{call.path or 'model'}{again}.{dag.name[node]}{number}"


def _numbered(names: list[str]) -> list[str]:
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return numbered
