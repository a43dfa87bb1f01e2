"""Where a block sits in the linearised graph, and how its branch meets its skip there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch.autograd.graph import Node

from plusone.graph.skipgraph import Block
from plusone.probe.block_spectra import BlockPlaces
from plusone.probe.linearise import Linearisation, depends_on_itself_alone
from plusone.probe.operator import Place

# Sums of sums are written out up to this many: a block adds few branches to its input.
_MAX_SUMS = 16


def places_of(line: Linearisation, block: Block) -> BlockPlaces | str:
    """The places of a block's input, branch and output, or why there are none."""
    source, output = line.place(block.entry), line.place(block.output)
    if source is None or output is None:
        return _why_none(line, block)
    branches = [line.place(value) for value in block.branches]
    branch = branches[0] if len(branches) == 1 else None
    join: Literal["identity", "concat", "other"] = "other"
    (of_skip, *of_branches), is_all = factors_in_sum(output, (source, *branches))
    factor = 1.0
    if branch is not None and of_branches[0] is not None:
        factor = of_branches[0]
    if block.skip_value == block.entry:
        if is_all and of_skip in (1.0, -1.0) and source.shape == output.shape:
            join = "identity"
            # What is spread over positions on its way into the sum is measured behind it.
            if branch is not None and branch.shape != source.shape:
                branch, factor = None, 1.0
            factor *= of_skip
        elif block.skip == "concat" and branch is not None:
            has_more = output.numel > source.numel + branch.numel
            join = "other" if has_more else "concat"
    batch = samples_between(source, [p for p in (output, branch) if p is not None], line.batch)
    return BlockPlaces(
        source=source,
        branch=branch,
        output=output,
        batch=batch,
        join=join,
        factor=factor,
        anchor=line.anchor,
    )


def _why_none(line: Linearisation, block: Block) -> str:
    if not all(line.is_matched(value) for value in (block.entry, block.output)):
        return (
            f"the forward that Jacobians are made on, with {line.samples} samples, ran other "
            "operations there than the first one, or gave other shapes"
        )
    return (
        "no gradient passes at its input or output: it is detached, made under no_grad or written "
        "in place through a view"
    )


def samples_between(source: Place, targets: Sequence[Place], batch: int | None) -> int | None:
    """`batch`, where each sample of the targets depends on the same sample of the source alone.

    That is known of borders whose first dimension is the batch. Where positions stand there, too
    ([samples * positions, channels]), one backward asks: they may be in another order.
    """
    if batch is None or any(not p.shape or p.shape[0] % batch for p in (source, *targets)):
        return None
    for target in targets:
        is_known = source.shape[0] == target.shape[0] == batch
        if not is_known and not _keep_apart(source, target, batch):
            return None
    return batch


def _keep_apart(source: Place, target: Place, batch: int) -> bool:
    tried = (0, 1) if batch == 2 else (batch // 2,)
    return all(depends_on_itself_alone(source, target, k, batch) is not False for k in tried)


def factor_in_sum(total: Place, term: Place) -> float | None:
    """The number c where `total` is the sum of c `term` and something else; None: it is no such."""
    return factors_in_sum(total, [term])[0][0]


def factors_in_sum(total: Place, terms: Sequence[Place | None]) -> tuple[list[float | None], bool]:
    """The numbers by which `total` adds each term (None: not at all), and whether it adds no more.

    Autograd says it: only what it adds counts, in one step or in sums of sums, so the answer is
    exact. Constants do not count: they have no derivative.
    """
    number = {(t.edge.node, t.edge.output_nr): k for k, t in enumerate(terms) if t is not None}
    found: list[float | None] = [None] * len(terms)
    pending, is_all = [(total.edge.node, 1.0)], True
    for _ in range(_MAX_SUMS + len(terms)):
        if not pending:
            break
        node, weight = pending.pop()
        factors = _factors(node)
        is_all = is_all and factors is not None
        for end, factor in zip(node.next_functions, factors or (), strict=False):
            below, output = end
            if below is None:
                continue
            k = number.get((below, output))
            if k is None:
                pending.append((below, weight * factor))
            else:
                found[k] = (found[k] or 0.0) + weight * factor
    return found, is_all and not pending


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
