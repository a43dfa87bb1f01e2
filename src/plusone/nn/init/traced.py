"""Branches of any model, found from one recorded forward: no names, no wrapper.

A branch is what lies between a join that adds and the place where its skip leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from plusone.capture.trace import Op, Trace
from plusone.graph.opkinds import NORM, TRANSPARENT, base_name
from plusone.graph.skipgraph import Block, find_skips
from plusone.nn.init.branches import Branch
from plusone.nn.init.closing import (
    FLAT,
    OPEN,
    Closing,
    closing_parameters,
    computed_from_parameters,
    multiplies,
    weighs,
)
from plusone.nn.init.layers import Layer, layer_of
from plusone.nn.init.recorded import Recorded


def traced_branches(run: Recorded) -> tuple[list[Branch], int]:
    """The branches of all residual blocks that add, in the order in which they run, and the last
    join.

    A skip around whole blocks, as a U-Net's, makes no branch; a block whose own module holds
    others inside is one, and of those inside it such as can be closed, which then own their layers.
    """
    residual = [block for block in find_skips(run.trace).blocks if block.kind == "residual"]
    adding = [b for b in residual if b.skip in ("identity", "projection", "scaled")]
    inner = {id(b): [o for o in residual if o is not b and _contains(b, o)] for b in adding}
    kept = [b for b in adding if not b.is_composite or _is_own(b, inner[id(b)])]
    end = max((block.output[0] for block in kept), default=-1)
    start = min((block.output[0] for block in kept), default=-1)
    computed = computed_from_parameters(run.trace)
    around = [b for b in kept if b.is_composite]
    found = []
    for block in kept:
        branch = _branch(run, computed, block, start)
        is_inside = any(block is not other and _contains(other, block) for other in around)
        if not is_inside or (block.skip != "scaled" and branch.closing):
            found.append((block, branch))
    return [_without_inner(branch, block, found) for block, branch in found], end


def _contains(outer: Block, inner: Block) -> bool:
    return outer.entry[0] <= inner.entry[0] and inner.output[0] <= outer.output[0]


def _is_own(block: Block, inner: list[Block]) -> bool:
    """Whether everything inside runs in the block's own module."""
    own = f"{block.module}."
    return bool(block.module) and all(f"{b.module}.".startswith(own) for b in inner)


def _without_inner(branch: Branch, block: Block, found: list[tuple[Block, Branch]]) -> Branch:
    """The branch without the layers of the branches inside it."""
    theirs = {
        (layer.module, name)
        for other, inside in found
        if other is not block and _contains(block, other)
        for layer in inside.layers
        for name in layer.own
    }
    layers = tuple(
        layer for layer in branch.layers if not theirs & {(layer.module, n) for n in layer.own}
    )
    return replace(branch, layers=layers)


def _branch(run: Recorded, computed: dict[int, Closing], block: Block, start: int) -> Branch:
    trace = run.trace
    ends = {block.entry[0]} | ({block.skip_value[0]} if block.skip_value else set())
    values = [ref[0] for ref in block.branches]
    inside = _reached(trace, values, ends, after=block.entry[0])
    # A sum of several parts is one join, and its biases are read there.
    sums = _reached(trace, [block.output[0]], {*ends, *values}, after=block.entry[0])
    biases = [p for number in sums for p in trace.ops[number].params]
    read = [p for number in inside for p in trace.ops[number].params]

    def closed_by(closes: Callable[[Op], bool], barriers: frozenset[str]) -> tuple[Layer, ...]:
        found = closing_parameters(trace, computed, inside, values, closes, barriers=barriers)
        return () if found is None else _layers(run, [*sorted(found), *biases])

    return Branch(
        name=block.name,
        layers=_layers(run, [*read, *biases]),
        closing=closed_by(multiplies, OPEN | FLAT),
        last=closed_by(weighs, OPEN | NORM),
        last_learns=bool(closed_by(weighs, OPEN | FLAT | NORM)),
        norm_before=_norm_before(trace, block.entry[0], start),
    )


def _norm_before(trace: Trace, entry: int, start: int) -> str:
    """The call of the norm whose output enters the block, if it ran after operation `start`."""
    while entry > start:
        op = trace.ops[entry]
        name = base_name(op.name)
        if name in NORM:
            return trace.calls[op.call].path or op.name
        if name not in TRANSPARENT or not op.parents:
            break
        entry = op.parents[0][0]
    return ""


def _reached(trace: Trace, starts: Sequence[int], ends: set[int], *, after: int) -> list[int]:
    """Operations from which `starts` are reached before `ends`, in order of execution.

    What ran before the block, such as an encoder that its branch attends to, is no part of it.
    """
    seen: set[int] = set()
    waiting = list(starts)
    while waiting:
        number = waiting.pop()
        if number > after and number not in seen and number not in ends:
            seen.add(number)
            waiting.extend(ref[0] for ref in trace.ops[number].parents)
    return sorted(seen)


def _layers(run: Recorded, positions: Iterable[int]) -> tuple[Layer, ...]:
    """The layers that own these parameters, each with those of them that are its own."""
    own: dict[str, list[str]] = {}
    for position in dict.fromkeys(positions):
        owner, _, name = run.trace.parameters[position].rpartition(".")
        own.setdefault(owner, []).append(name)
    found = []
    for owner, names in own.items():
        layer = layer_of(owner, run.modules[owner])
        if layer is not None:
            kind = "vector" if layer.kind == "other" and _is_flat(layer, names) else layer.kind
            found.append(Layer(name=owner, module=layer.module, kind=kind, own=tuple(names)))
    return tuple(found)


def _is_flat(layer: Layer, names: list[str]) -> bool:
    """Whether those are vectors and numbers, such as a gain that a block holds itself."""
    own = dict(layer.module.named_parameters(recurse=False))
    return all(own[name].dim() <= 1 for name in names)
