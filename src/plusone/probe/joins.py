"""Where a block sits in the linearised graph, and how its branch meets its skip there."""

from __future__ import annotations

from typing import Literal

from torch.autograd.graph import Node

from plusone.graph.skipgraph import Block
from plusone.probe.block_spectra import BlockPlaces
from plusone.probe.linearise import Linearisation
from plusone.probe.operator import Place

# Sums of sums are written out up to this many: a block adds few branches to its input.
_MAX_SUMS = 16


def places_of(line: Linearisation, block: Block) -> BlockPlaces | str:
    """The places of a block's input, branch and output, or why there are none."""
    source, output = line.place(block.entry), line.place(block.output)
    if source is None or output is None:
        return "autograd does not show its input or output in the second forward"
    branch = line.place(block.branches[0]) if len(block.branches) == 1 else None
    batch = line.batch
    for place in (source, output, branch):
        if place is not None and batch is not None and place.shape[:1] != (batch,):
            batch = None
    join: Literal["identity", "concat", "other"] = "other"
    of_skip, of_branch, factor = None, None, 1.0
    if block.skip_value == block.entry:
        of_skip = factor_in_sum(output, source)
    if branch is not None:
        of_branch = factor_in_sum(output, branch)
        factor = 1.0 if of_branch is None else of_branch
    is_added = of_branch is not None or len(block.branches) > 1
    if of_skip in (1.0, -1.0) and is_added and source.shape == output.shape:
        join = "identity"
        factor /= of_skip
    elif block.skip == "concat" and branch is not None and block.skip_value == block.entry:
        join = "concat"
    return BlockPlaces(
        source=source, branch=branch, output=output, batch=batch, join=join, factor=factor
    )


def factor_in_sum(total: Place, term: Place) -> float | None:
    """The number c where `total` is the sum of c `term` and something else; None: it is no such.

    Autograd says it: only what it adds counts, in one step or in sums of sums, so the answer is
    exact.
    """
    place = (term.edge.node, term.edge.output_nr)
    found = []
    pending = [(total.edge.node, 1.0)]
    for _ in range(_MAX_SUMS):
        if not pending:
            break
        node, weight = pending.pop()
        for end, factor in zip(node.next_functions, _factors(node) or (), strict=False):
            if end == place:
                found.append(weight * factor)
            elif end[0] is not None:
                pending.append((end[0], weight * factor))
    return sum(found) if found else None


def _factors(node: Node) -> tuple[float, float] | None:
    name = node.name()
    saved = getattr(node, "_saved_weight" if name == "LerpBackward0" else "_saved_alpha", None)
    if not isinstance(saved, int | float):
        return None
    return {
        "AddBackward0": (1.0, float(saved)),
        "SubBackward0": (1.0, -float(saved)),
        "LerpBackward0": (1.0 - saved, float(saved)),
    }.get(name)
