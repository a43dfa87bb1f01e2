"""Where a block sits in the linearised graph, and how its branch meets its skip there."""

from __future__ import annotations

from typing import Literal

from torch.autograd.graph import Node

from plusone.graph.skipgraph import Block
from plusone.probe.block_spectra import BlockPlaces
from plusone.probe.linearise import Linearisation
from plusone.probe.operator import Place


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
    if branch is None:
        return BlockPlaces(source=source, branch=None, output=output, batch=batch)
    of_skip, of_branch = (factor_in_sum(output, part) for part in (source, branch))
    join: Literal["identity", "concat", "other"] = "other"
    if block.skip_value == block.entry:
        is_sum = of_skip is not None and abs(of_skip) == 1.0 and of_branch is not None
        if is_sum and branch.shape == source.shape == output.shape:
            join = "identity"
        elif block.skip == "concat":
            join = "concat"
    factor = 1.0 if of_branch is None else of_branch
    return BlockPlaces(
        source=source,
        branch=branch,
        output=output,
        batch=batch,
        join=join,
        factor=factor / of_skip if join == "identity" and of_skip is not None else factor,
    )


def factor_in_sum(total: Place, term: Place) -> float | None:
    """The number c where `total` is the sum of c `term` and something else; None: it is no such.

    Autograd says it: only what it adds in one step counts, so the answer is exact.
    """
    node = total.edge.node
    factors = _factors(node)
    if factors is None:
        return None
    place = (term.edge.node, term.edge.output_nr)
    found = [f for end, f in zip(node.next_functions, factors, strict=False) if end == place]
    return found[0] if len(found) == 1 else None


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
